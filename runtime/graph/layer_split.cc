#include "runtime/graph/layer_split.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace concord::graph {
namespace {

using Device = SplitProblem::Device;

// Units [begin, end) on one device.
struct Segment {
  int32_t device;
  size_t begin, end;
};

std::vector<double> Sums(const std::vector<double>& values) {
  std::vector<double> sums(values.size() + 1);
  std::partial_sum(values.begin(), values.end(), sums.begin() + 1);
  return sums;
}

// Sums over runs of units in constant time.
class Tables {
 public:
  explicit Tables(const SplitProblem& problem) : problem_(problem) {
    for (const Device& device : problem.devices) {
      seconds_.push_back(Sums(device.seconds));
      bytes_.push_back(Sums(device.bytes));
    }
  }
  size_t units() const { return seconds_.empty() ? 0 : seconds_[0].size() - 1; }

  double Seconds(const Segment& s) const {
    const double sum = seconds_[s.device][s.end] - seconds_[s.device][s.begin];
    // Infinity less infinity is no number.
    if (seconds_[s.device][s.end] == std::numeric_limits<double>::infinity()) {
      const auto& all = problem_.devices[s.device].seconds;
      return problem_.devices[s.device].segment_seconds +
             std::accumulate(all.begin() + s.begin, all.begin() + s.end, 0.0);
    }
    return sum + problem_.devices[s.device].segment_seconds;
  }

  double Bytes(const Segment& s) const {
    double bytes = bytes_[s.device][s.end] - bytes_[s.device][s.begin] + problem_.devices[s.device].segment_bytes;
    for (const SplitProblem::Shared& shared : problem_.shared) {
      const auto in = [&](size_t unit) { return s.begin <= unit && unit < s.end; };
      if (in(shared.first_unit) && in(shared.second_unit)) bytes -= shared.bytes[s.device];
    }
    return bytes;
  }

  // Segments that may work at the same time keep the pipeline to the busiest; those on the host's cores add up.
  double Seconds(const std::vector<Segment>& segments) const {
    double sum = 0, busiest = 0, cores = 0;
    for (size_t i = 0; i < segments.size(); ++i) {
      const Device& device = problem_.devices[segments[i].device];
      const double seconds = Seconds(segments[i]);
      const int ends = (i > 0) + (i + 1 < segments.size());
      sum += seconds + ends * device.cut_seconds;
      (device.host_cores ? cores : busiest) = device.host_cores ? cores + seconds : std::max(busiest, seconds);
      busiest = std::max(busiest, device.cut_seconds);
    }
    const auto host = [&](const Segment& s) { return problem_.devices[s.device].host_cores; };
    const bool overlaps = segments.size() > 1 && std::count_if(segments.begin(), segments.end(), host) <= 1;
    const auto more = static_cast<double>(problem_.pieces - 1);
    return sum + more * (overlaps ? std::max(busiest, cores) : sum);
  }

  bool Fits(const std::vector<Segment>& segments) const {
    double host = 0, host_free = -1;
    for (const Segment& s : segments) {
      const Device& device = problem_.devices[s.device];
      const double bytes = Bytes(s);
      if (device.free_bytes < 0) continue;
      if (bytes > device.free_bytes) return false;
      if (!device.host_memory) continue;
      host += bytes;
      host_free = host_free < 0 ? device.free_bytes : std::min(host_free, device.free_bytes);
    }
    return host_free < 0 || host <= host_free;
  }

 private:
  const SplitProblem& problem_;
  std::vector<std::vector<double>> seconds_, bytes_;
};

std::vector<Segment> SegmentsOf(const std::vector<int32_t>& device_of_unit) {
  std::vector<Segment> segments;
  for (size_t u = 0; u < device_of_unit.size(); ++u) {
    if (segments.empty() || segments.back().device != device_of_unit[u]) segments.push_back({device_of_unit[u], u, u});
    segments.back().end = u + 1;
  }
  return segments;
}

class Search {
 public:
  explicit Search(const SplitProblem& problem) : problem_(problem), tables_(problem) {}

  // The best over `count` devices; nothing when none fits.
  bool Best(int32_t count, LayerSplit* best) {
    best_ = nullptr;
    LayerSplit found{.seconds = std::numeric_limits<double>::infinity(), .devices = count};
    best_ = &found;
    used_.assign(problem_.devices.size(), false);
    segments_.clear();
    Extend(0, count);
    if (found.device_of_unit.empty()) return false;
    *best = std::move(found);
    return true;
  }

 private:
  void Extend(size_t begin, int32_t left) {
    const size_t units = tables_.units();
    for (size_t d = 0; d < used_.size(); ++d) {
      if (used_[d]) continue;
      used_[d] = true;
      // The last takes all that is left; the others leave at least a unit for each that follows.
      const size_t first = left == 1 ? units : begin + 1,
                   last = left == 1 ? units : units - static_cast<size_t>(left - 1);
      for (size_t end = first; end <= last && end > begin; ++end) {
        segments_.push_back({static_cast<int32_t>(d), begin, end});
        if (left == 1) {
          Consider();
        } else {
          Extend(end, left - 1);
        }
        segments_.pop_back();
      }
      used_[d] = false;
    }
  }

  void Consider() {
    const double seconds = tables_.Seconds(segments_);
    if (!(seconds < best_->seconds) || !tables_.Fits(segments_)) return;
    best_->seconds = seconds;
    best_->device_of_unit.clear();
    for (const Segment& s : segments_)
      best_->device_of_unit.insert(best_->device_of_unit.end(), s.end - s.begin, s.device);
  }

  const SplitProblem& problem_;
  Tables tables_;
  std::vector<bool> used_;
  std::vector<Segment> segments_;
  LayerSplit* best_ = nullptr;
};

}  // namespace

std::vector<LayerSplit> BestSplits(const SplitProblem& problem, int32_t max_devices) {
  std::vector<LayerSplit> splits;
  if (problem.devices.empty()) return splits;
  const auto most = std::min<int32_t>({max_devices, static_cast<int32_t>(problem.devices.size()),
                                       static_cast<int32_t>(problem.devices[0].seconds.size())});
  Search search(problem);
  for (int32_t count = 1; count <= most; ++count) {
    LayerSplit best;
    if (search.Best(count, &best)) splits.push_back(std::move(best));
  }
  return splits;
}

double SecondsOf(const SplitProblem& problem, const std::vector<int32_t>& device_of_unit) {
  return Tables(problem).Seconds(SegmentsOf(device_of_unit));
}

bool Fits(const SplitProblem& problem, const std::vector<int32_t>& device_of_unit) {
  return Tables(problem).Fits(SegmentsOf(device_of_unit));
}

}  // namespace concord::graph
