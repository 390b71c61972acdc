#include "runtime/base/task_arena.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <exception>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

// libtbb is not instrumented: under TSan, and only there, plain threads take its place.
#if defined(__SANITIZE_THREAD__) || defined(CONCORD_PLAIN_THREADS)
#define CONCORD_ARENA_TBB 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONCORD_ARENA_TBB 0
#endif
#endif
#ifndef CONCORD_ARENA_TBB
#define CONCORD_ARENA_TBB 1
#endif

#if CONCORD_ARENA_TBB
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>
#endif

namespace concord {
namespace {

using Clock = std::chrono::steady_clock;

// How long an idle helper looks for the next run before it sleeps: about what a futex wake-up costs, so that spinning
// never wastes more than it can save.
constexpr auto kSpin = std::chrono::microseconds(50);

// How long tasks that have not begun may keep a TaskArena from its end.
constexpr auto kPatience = std::chrono::seconds(1);

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int32_t NumaNode() {
  unsigned cpu = 0, node = 0;
  return getcpu(&cpu, &node) == 0 ? static_cast<int32_t>(node) : -1;
}

std::vector<int> AllowedCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) cpus.push_back(i);
  }
  return cpus;
}

// One hardware thread of each physical core comes first, so that a few helpers never share a core.
std::vector<int> CoresFirst(const std::vector<int>& cpus, size_t* n_cores) {
  std::vector<int> first, second;
  std::set<std::string> seen;
  for (int cpu : cpus) {
    std::string siblings;
    std::ifstream("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list") >> siblings;
    const bool fresh = siblings.empty() || seen.insert(siblings).second;
    (fresh ? first : second).push_back(cpu);
  }
  *n_cores = first.size();
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// CPUs' worth of time that the cgroup allows; a large number when it does not limit.
// Source: Linux, Documentation/admin-guide/cgroup-v2.rst, cpu.max; cgroup-v1 cpu.cfs_quota_us.
double CgroupCpus() {
  std::string quota;
  double period = 0;
  if (std::ifstream("/sys/fs/cgroup/cpu.max") >> quota >> period && quota != "max" && period > 0) {
    return std::strtod(quota.c_str(), nullptr) / period;
  }
  double v1_quota = -1, v1_period = 0;
  std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> v1_quota;
  std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> v1_period;
  return v1_quota > 0 && v1_period > 0 ? v1_quota / v1_period : 1e9;
}

void PinThisThread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

}  // namespace

// Where a run is published and joined. The word: bit 31 = open, bits 16-30 = the most workers, bits 0-15 = joined.
class TaskArena::Gate {
 public:
  // False when another run is under way.
  bool Open(uint32_t max_workers, Worker* fn, void* arg) {
    if (!busy_.try_lock()) return false;
    fn_ = fn;
    arg_ = arg;
    finished_.store(0, std::memory_order_relaxed);
    word_.store(kOpen | max_workers << 16 | 1, std::memory_order_seq_cst);
    return true;
  }

  // Nobody joins after this; returns when all who had joined are done.
  void Close() {
    const uint32_t helpers = (word_.fetch_and(~kOpen, std::memory_order_acq_rel) & 0xFFFF) - 1;
    const Clock::time_point until = Clock::now() + kSpin;
    for (uint32_t done; (done = finished_.load(std::memory_order_acquire)) != helpers;) {
      if (Clock::now() < until) {
        Pause();
      } else {
        finished_.wait(done, std::memory_order_acquire);
      }
    }
    busy_.unlock();
  }

  // Takes part in the open run, if there is room.
  bool Join() {
    uint32_t word = word_.load(std::memory_order_seq_cst);
    for (;;) {
      if ((word & kOpen) == 0 || (word & 0xFFFF) >= (word >> 16 & 0x7FFF)) return false;
      // Once joined, the run cannot end before us, so fn_ and arg_ stay.
      if (word_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel)) break;
    }
    fn_(arg_, word & 0xFFFF, NumaNode());
    finished_.fetch_add(1, std::memory_order_release);
    finished_.notify_one();
    return true;
  }

  // Joins runs until none has come for kSpin.
  void Serve() {
    for (Clock::time_point until = Clock::now() + kSpin;;) {
      if (Join()) {
        until = Clock::now() + kSpin;
      } else if (Clock::now() >= until) {
        return;
      }
      Pause();
    }
  }

 private:
  static constexpr uint32_t kOpen = 1u << 31;

  std::mutex busy_;
  Worker* fn_ = nullptr;
  void* arg_ = nullptr;
  alignas(64) std::atomic<uint32_t> word_{0};
  alignas(64) std::atomic<uint32_t> finished_{0};
};

#if CONCORD_ARENA_TBB

// Helpers are oneTBB's workers in an arena of our own.
class TaskArena::Helpers {
 public:
  Helpers(Gate* gate, uint32_t count, std::vector<int> pin_to)
      : count_(count),
        service_(std::make_shared<Service>(gate)),
        // oneTBB makes no more workers than the machine has cores unless it is told to.
        limit_(tbb::global_control::max_allowed_parallelism,
               std::max<size_t>(count + 1, std::thread::hardware_concurrency())),
        arena_(static_cast<int>(count) + 1, /*reserved_for_masters=*/1),
        pinner_(arena_, std::move(pin_to)) {}
  ~Helpers() { service_->End(refused_.load(std::memory_order_relaxed)); }

  // Makes sure that `wanted` helpers are looking for work, or soon will.
  void Summon(uint32_t wanted) {
    while (!refused_.load(std::memory_order_relaxed) && service_->Need(std::min(wanted, count_))) {
      try {
        arena_.enqueue([service = service_] { service->Run(); });
      } catch (const std::exception&) {  // the system gives no more threads: the caller works alone
        refused_.store(true, std::memory_order_relaxed);
      }
    }
  }

 private:
  // What tasks share. oneTBB may never run one, where the system gives it no thread: then nobody waits for those that
  // have not begun; they find the service ended, whenever that may be.
  class Service {
   public:
    explicit Service(Gate* gate) : gate_(gate) {}

    // True, and one more counted, while fewer than `wanted` helpers look at the gate.
    bool Need(uint32_t wanted) {
      uint32_t serving = serving_.load(std::memory_order_seq_cst);
      while (serving < wanted) {
        if (!serving_.compare_exchange_weak(serving, serving + 1, std::memory_order_seq_cst)) continue;
        waiting_.fetch_add(1, std::memory_order_seq_cst);
        return true;
      }
      return false;
    }

    void Run() {
      running_.fetch_add(1, std::memory_order_seq_cst);
      waiting_.fetch_sub(1, std::memory_order_seq_cst);
      if (!ended_.load(std::memory_order_seq_cst)) {
        do {
          gate_->Serve();
          serving_.fetch_sub(1, std::memory_order_seq_cst);
          // A run opened between the last look and the line above counted on us.
        } while (gate_->Join() && (serving_.fetch_add(1, std::memory_order_seq_cst), true));
      }
      running_.fetch_sub(1, std::memory_order_seq_cst);
    }

    // The gate is not looked at after this; tasks that have begun end within kSpin. oneTBB frees a task only by running
    // it, so those that still can are waited for.
    void End(bool no_more_threads) {
      ended_.store(true, std::memory_order_seq_cst);
      const Clock::time_point until = Clock::now() + (no_more_threads ? std::chrono::seconds(0) : kPatience);
      while (running_.load(std::memory_order_seq_cst) != 0 ||
             (waiting_.load(std::memory_order_seq_cst) != 0 && Clock::now() < until)) {
        std::this_thread::yield();
      }
    }

   private:
    Gate* gate_;
    std::atomic<uint32_t> serving_{0};  // helpers that look at the gate before they leave, or will
    std::atomic<uint32_t> waiting_{0};  // tasks that have not begun
    std::atomic<uint32_t> running_{0};  // tasks that may touch the gate
    std::atomic<bool> ended_{false};
  };

  // Binds each worker to a core of its own when it enters the arena.
  class Pinner : public tbb::task_scheduler_observer {
   public:
    Pinner(tbb::task_arena& arena, std::vector<int> cpus)
        : tbb::task_scheduler_observer(arena), cpus_(std::move(cpus)) {
      if (!cpus_.empty()) observe(true);
    }
    ~Pinner() override { observe(false); }
    void on_scheduler_entry(bool worker) override {
      if (worker) PinThisThread(cpus_[entered_.fetch_add(1) % cpus_.size()]);
    }

   private:
    std::vector<int> cpus_;
    std::atomic<size_t> entered_{0};
  };

  uint32_t count_;
  std::shared_ptr<Service> service_;
  std::atomic<bool> refused_{false};
  tbb::global_control limit_;
  tbb::task_arena arena_;
  Pinner pinner_;
};

#else

class TaskArena::Helpers {
 public:
  Helpers(Gate* gate, uint32_t count, std::vector<int> pin_to) : gate_(gate) {
    for (uint32_t i = 0; i < count; ++i) {
      threads_.emplace_back([this, cpu = pin_to.empty() ? -1 : pin_to[i % pin_to.size()]] {
        if (cpu >= 0) PinThisThread(cpu);
        while (!stop_.load(std::memory_order_acquire)) {
          const uint32_t seen = calls_.load(std::memory_order_seq_cst);
          gate_->Serve();
          if (calls_.load(std::memory_order_seq_cst) == seen) calls_.wait(seen, std::memory_order_acquire);
        }
      });
    }
  }
  ~Helpers() {
    stop_.store(true, std::memory_order_release);
    calls_.fetch_add(1);
    calls_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void Summon(uint32_t) {
    calls_.fetch_add(1, std::memory_order_seq_cst);
    calls_.notify_all();
  }

 private:
  Gate* gate_;
  std::atomic<uint32_t> calls_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

#endif

uint32_t TaskArena::DefaultThreads() {
  size_t cores = 0;
  CoresFirst(AllowedCpus(), &cores);
  const double limit = std::min<double>(static_cast<double>(cores), std::max(1.0, CgroupCpus()));
  return std::max(1u, static_cast<uint32_t>(limit));
}

TaskArena::TaskArena(Options options) : gate_(std::make_unique<Gate>()) {
  const uint32_t threads = std::clamp(options.threads == 0 ? DefaultThreads() : options.threads, 1u, 1024u);
  if (threads == 1) return;
  std::vector<int> pin_to;
  if (options.pin_cores) {
    size_t cores = 0;
    pin_to = CoresFirst(AllowedCpus(), &cores);
    // The first core is left to the caller, whose thread is not ours to pin.
    if (!pin_to.empty()) std::rotate(pin_to.begin(), pin_to.begin() + 1, pin_to.end());
  }
  count_ = threads;
  helpers_ = std::make_unique<Helpers>(gate_.get(), threads - 1, std::move(pin_to));
}

TaskArena::~TaskArena() = default;

uint32_t TaskArena::worker_count() const { return count_; }

void TaskArena::ParallelRun(uint32_t max_workers, Worker* fn, void* arg) {
  const uint32_t workers = std::min(max_workers, count_);
  if (workers <= 1 || !gate_->Open(workers, fn, arg)) {
    fn(arg, 0, NumaNode());
    return;
  }
  helpers_->Summon(workers - 1);
  fn(arg, 0, NumaNode());
  gate_->Close();
}

}  // namespace concord
