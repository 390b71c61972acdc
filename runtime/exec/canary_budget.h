#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

namespace concord::exec {

// The time that the canary may take, and what a case will take of it, by what cases before it took.
class CanaryBudget {
 public:
  explicit CanaryBudget(double seconds) : seconds_(seconds) {}  // infinite: all of it

  double seconds() const { return seconds_; }
  double spent() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }
  // Leaves room for work that takes twice what it is thought to take.
  bool Affords(double device_work, double reference_work) const {
    return device_.Seconds(2 * device_work) + reference_.Seconds(2 * reference_work) <= seconds_ - spent();
  }

  // Does what is timed.
  template <typename Body>
  auto OnDevice(double work, const Body& body) {
    return device_.Time(work, body);
  }
  template <typename Body>
  auto OnReference(double work, const Body& body) {
    return reference_.Time(work, body);
  }

 private:
  using Clock = std::chrono::steady_clock;

  // One side: the best rate so far, for all that is short of it had something else to wait for, and what a case takes
  // besides, such as to compile its kernel.
  class Speed {
   public:
    explicit Speed(double guess) : rate_(guess) {}
    double Seconds(double work) const { return work / rate_ + (small_ > 0 ? small_seconds_ / small_ : 0); }
    template <typename Body>
    auto Time(double work, const Body& body) {
      const auto begin = Clock::now();
      auto result = body();
      const double seconds = std::max(1e-9, std::chrono::duration<double>(Clock::now() - begin).count());
      if (work < kTelling) {
        ++small_, small_seconds_ += seconds;
      } else {
        rate_ = known_ ? std::max(rate_, work / seconds) : work / seconds;
        known_ = true;
      }
      return result;
    }

   private:
    static constexpr double kTelling = 1e6;  // less says nothing of the rate
    double rate_, small_seconds_ = 0;
    int small_ = 0;
    bool known_ = false;
  };

  Clock::time_point begin_ = Clock::now();
  double seconds_;
  Speed device_{1e9}, reference_{1e8};  // operations a second
};

}  // namespace concord::exec
