// --trace: the file as Perfetto reads it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/e2e/program.h"
#include "tests/emulators/sim/path.h"

namespace concord::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct Slice {
  std::string name;
  int64_t begin_ns, end_ns;
  json args;

  bool Holds(const Slice& other) const { return begin_ns <= other.begin_ns && other.end_ns <= end_ns; }
};

// The slices of a file by "process/thread", in the order of the file.
using Tracks = std::map<std::string, std::vector<Slice>>;

int64_t Nanoseconds(const json& microseconds) { return std::llround(microseconds.get<double>() * 1000); }

Tracks Read(const std::string& path) {
  const json trace = json::parse(ReadFile(path));
  EXPECT_EQ(trace["otherData"]["dropped_events"], 0);
  std::map<int, std::string> processes, threads;
  std::map<int, int> process_of;
  Tracks tracks;
  int64_t last = 0;
  for (const json& event : trace["traceEvents"]) {
    const int pid = event["pid"], tid = event["tid"];
    EXPECT_EQ(process_of.try_emplace(tid, pid).first->second, pid) << "a thread of two processes";
    if (event["ph"] == "M") {
      if (event["name"] == "process_name") processes[pid] = event["args"]["name"];
      if (event["name"] == "thread_name") threads[tid] = event["args"]["name"];
      continue;
    }
    EXPECT_EQ(event["ph"], "X");
    const int64_t begin = Nanoseconds(event["ts"]), duration = Nanoseconds(event["dur"]);
    EXPECT_GE(begin, last) << "slices are in the order in which they began";
    EXPECT_GE(duration, 0);
    last = begin;
    tracks[processes.at(pid) + "/" + threads.at(tid)].push_back(
        {event["name"], begin, begin + duration, event["args"]});
  }
  return tracks;
}

void ExpectNested(const Tracks& tracks) {
  for (const auto& [name, slices] : tracks) {
    std::vector<const Slice*> open;
    for (const Slice& slice : slices) {
      while (!open.empty() && open.back()->end_ns <= slice.begin_ns) open.pop_back();
      if (!open.empty()) {
        EXPECT_LE(slice.end_ns, open.back()->end_ns) << name << ": " << slice.name << " crosses " << open.back()->name;
      }
      open.push_back(&slice);
    }
  }
}

std::vector<Slice> Named(const std::vector<Slice>& slices, const std::string& name) {
  std::vector<Slice> out;
  for (const Slice& slice : slices) {
    if (slice.name == name) out.push_back(slice);
  }
  return out;
}

// All slices of a device, whatever lane they are on.
std::vector<Slice> OfProcess(const Tracks& tracks, const std::string& process) {
  std::vector<Slice> out;
  for (const auto& [name, slices] : tracks) {
    if (name.rfind(process + "/", 0) == 0) out.insert(out.end(), slices.begin(), slices.end());
  }
  return out;
}

void ExpectLoadingBeforeSteps(const Tracks& tracks) {
  const std::vector<Slice>& loading = tracks.at("host/loading");
  const std::vector<Slice> load = Named(loading, "load");
  ASSERT_EQ(load.size(), 1u);
  for (const char* stage : {"open file", "build graph and tokenizer", "open devices", "place, fuse and compile",
                            "compile", "read weights"}) {
    const std::vector<Slice> slices = Named(loading, stage);
    ASSERT_EQ(slices.size(), 1u) << stage;
    EXPECT_TRUE(load[0].Holds(slices[0])) << stage;
  }
  const std::vector<Slice> weights = Named(loading, "weight");
  EXPECT_FALSE(weights.empty());
  for (const Slice& weight : weights) {
    EXPECT_TRUE(Named(loading, "read weights")[0].Holds(weight));
    EXPECT_GT(weight.args["bytes"], 0);
  }
  const std::vector<Slice> engine = Named(loading, "create engine"), prepare = Named(loading, "prepare");
  ASSERT_EQ(engine.size(), 1u);
  EXPECT_GE(engine[0].begin_ns, load[0].end_ns);
  ASSERT_FALSE(prepare.empty());
  EXPECT_TRUE(engine[0].Holds(prepare.back()));
  for (const Slice& slice : tracks.at("host/engine")) {
    if (slice.name == "step") {
      EXPECT_GE(slice.begin_ns, prepare.back().end_ns);
    }
  }
}

// Each step plans, computes (submits, waits) and samples, one after the other; the device's submission lies within
// the step's wait or between it and the submit, and holds each op of the plan once.
void ExpectStepsHoldTheirOps(const Tracks& tracks, const std::string& device, const json& plan) {
  const std::vector<Slice>& engine = tracks.at("host/engine");
  const std::vector<Slice> all = OfProcess(tracks, device);
  for (const Slice& step : Named(engine, "step")) {
    std::map<std::string, std::vector<Slice>> parts;
    for (const Slice& slice : engine) {
      if (slice.name != "step" && step.Holds(slice)) parts[slice.name].push_back(slice);
    }
    for (const char* part : {"plan", "compute", "submit", "sample"}) ASSERT_EQ(parts[part].size(), 1u) << part;
    ASSERT_FALSE(parts["wait"].empty());
    EXPECT_EQ(parts["wait"][0].args["scope"], device);
    EXPECT_LE(parts["plan"][0].end_ns, parts["compute"][0].begin_ns);
    EXPECT_LE(parts["submit"][0].end_ns, parts["wait"][0].begin_ns);
    EXPECT_LE(parts["compute"][0].end_ns, parts["sample"][0].begin_ns);
    EXPECT_GE(step.args["tokens"], 1);
    std::map<int64_t, std::string> ops;
    std::vector<Slice> submissions;
    for (const Slice& slice : all) {
      if (!parts["compute"][0].Holds(slice)) continue;
      if (!slice.args.contains("op")) {
        submissions.push_back(slice);
      } else {
        EXPECT_TRUE(ops.emplace(slice.args["op"], slice.name).second) << "op " << slice.args["op"] << " came twice";
        EXPECT_TRUE(submissions.empty() || submissions[0].Holds(slice));
      }
    }
    EXPECT_EQ(submissions.size(), 1u);
    std::map<std::string, int> counts;
    for (const auto& [op, name] : ops) ++counts[name];
    EXPECT_EQ(json(counts), plan["ops"]);
  }
}

void ExpectTraceOf(const std::string& threads, const std::string& device) {
  const std::string path = Scratch("trace-" + threads + ".json");
  const json plan = json::parse(RunModel({"plan", "--device", device, "--json"}).out);
  const Outcome run = RunModel({"-p", "Once upon a time", "--temperature", "0", "-n", "12", "--threads", threads,
                                "--device", device, "--trace", path});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr(path));
  const Tracks tracks = Read(path);
  ExpectNested(tracks);
  ExpectLoadingBeforeSteps(tracks);
  const std::vector<Slice> steps = Named(tracks.at("host/engine"), "step");
  EXPECT_EQ(steps.size(), 12u);
  EXPECT_EQ(steps[0].args["tokens"], 5);
  EXPECT_EQ(steps[1].args["tokens"], 1);
  ExpectStepsHoldTheirOps(tracks, device + ":0", plan);
  EXPECT_EQ(OfProcess(tracks, device + ":0").size(), 12 * (plan["ops_after_fusion"].get<size_t>() + 1));
  // An op's time is that of its first tile to its last: of one that waits for another it is after that one's.
  const std::vector<Slice> ops = OfProcess(tracks, device + ":0");
  EXPECT_THAT(Named(ops, "linear")[0].args["scope"].get<std::string>(), HasSubstr("layers.0"));
  EXPECT_TRUE(Named(ops, "linear")[0].args.contains("arithmetic"));
}

TEST(TraceFile, ShowsEveryOpOfEveryStep) { ExpectTraceOf("1", "cpu"); }
TEST(TraceFile, ShowsThemOnManyThreadsToo) { ExpectTraceOf("4", "cpu"); }
TEST(TraceFile, ShowsAnotherDeviceAlike) { ExpectTraceOf("1", "reference"); }

// Its clock began another day, ticks every 40 ns, and is half a per mille wrong: unmapped, nothing would fit.
TEST(TraceFile, ShowsDevicesOfASplitOnOneClock) {
  setenv("CONCORD_SIM", "clock=real; clock_offset=123456789; clock_drift=0.0005; ns_per_tick=40", 1);
  const std::string path = Scratch("trace.json");
  const Outcome run =
      RunModel({"-p", "Once upon a time", "--temperature", "0", "-n", "6", "--plugin", CONCORD_SIM_PLUGIN, "--place",
                "layers 0-1=cpu; *=sim:0", "--canary", "off", "--trace", path});
  unsetenv("CONCORD_SIM");
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Tracks tracks = Read(path);
  ExpectNested(tracks);
  const std::vector<Slice> steps = Named(tracks.at("host/engine"), "compute");
  ASSERT_EQ(steps.size(), 6u);
  std::vector<Slice> slices = OfProcess(tracks, "sim:0");
  EXPECT_FALSE(Named(slices, "copy").empty());
  EXPECT_EQ(Named(slices, "attention").size(), 6u * 3);
  EXPECT_EQ(Named(OfProcess(tracks, "cpu:0"), "attention").size(), 6u * 2);
  constexpr int64_t kSlackNs = 2000;  // two readings of a clock beside each other, on a busy machine
  for (Slice& slice : slices) {
    slice.begin_ns += kSlackNs, slice.end_ns = std::max(slice.begin_ns, slice.end_ns - kSlackNs);
    EXPECT_TRUE(std::any_of(steps.begin(), steps.end(), [&](const Slice& step) { return step.Holds(slice); }))
        << slice.name << " at " << slice.begin_ns;
  }
  const std::vector<Slice> carried = Named(tracks.at("host/engine"), "carry");
  ASSERT_FALSE(carried.empty());
  EXPECT_GT(carried[0].args["bytes"], 0);
}

TEST(TraceFile, OfBenchAndPerplexity) {
  const std::string path = Scratch("trace.json"), text = Scratch("text.txt");
  const std::string model = Golden("llama/llama.gguf");
  const Outcome bench =
      RunModel({"bench", model, "--prefill", "8", "--decode", "4", "--repeat", "2", "--no-machine", "--trace", path});
  ASSERT_EQ(bench.exit_code, 0) << bench.err;
  const Tracks measured = Read(path);
  ExpectNested(measured);
  EXPECT_GE(Named(measured.at("host/engine"), "step").size(), 2u + 2 * 4);
  WriteFile(text, "Once upon a time there was a lion.");
  const Outcome perplexity = RunModel({"perplexity", model, text, "--trace", path});
  ASSERT_EQ(perplexity.exit_code, 0) << perplexity.err;
  const Tracks scored = Read(path);
  ExpectNested(scored);
  EXPECT_FALSE(Named(scored.at("host/engine"), "score").empty());
}

TEST(TraceFile, CanBeDrawn) {
  if (std::system("python3 -c ''") != 0) GTEST_SKIP() << "no python3";
  const std::string path = Scratch("trace.json"), picture = Scratch("trace.svg");
  ASSERT_EQ(RunModel({"-p", "Once", "--temperature", "0", "-n", "3", "--trace", path}).exit_code, 0);
  const std::string draw = std::string("python3 ") + CONCORD_SOURCE_DIR + "/examples/trace/draw_trace.py " + path;
  for (const char* window : {"", " --steps 2:3", " --from 0 --to 2.5"}) {
    ASSERT_EQ(std::system((draw + window + " -o " + picture).c_str()), 0) << window;
    const std::string parse = "python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' " + picture;
    EXPECT_EQ(std::system(parse.c_str()), 0) << window;
  }
  EXPECT_THAT(ReadFile(picture), HasSubstr("loading"));
  EXPECT_NE(std::system((draw + " --steps 9 -o " + picture + " 2> " + Scratch("err")).c_str()), 0);
  EXPECT_THAT(ReadFile(Scratch("err")), HasSubstr("the trace has 3 steps"));
}

TEST(TraceFile, ThatCannotBeWrittenEndsTheProgramBeforeItLoads) {
  for (const std::string& path : {Scratch("no-such-folder") + "/trace.json", std::string("/dev/null"), Scratch("")}) {
    const Outcome run = RunModel({"no-such-model.gguf", "-p", "a", "--trace", path});
    EXPECT_EQ(run.exit_code, 2) << path;
    EXPECT_THAT(run.err, HasSubstr("cannot")) << path;
    EXPECT_EQ(run.out, "") << path;
  }
  EXPECT_THAT(RunModel({"plan", "--trace", "x"}).err, HasSubstr("--trace"));  // it runs nothing
}

TEST(TraceFile, IsWrittenWhenLoadingFailsToo) {
  const std::string path = Scratch("trace.json");
  EXPECT_EQ(RunModel({"no-such-model.gguf", "-p", "a", "--trace", path}).exit_code, 3);
  EXPECT_EQ(Named(Read(path).at("host/loading"), "open file").size(), 1u);
}

TEST(TraceFile, AFullDiskKeepsTheAnswer) {
  const std::string path = Scratch("trace.json");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{4096, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // as for a disk: an error of write, not the end
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Program program({"-p", "Once upon a time", "--temperature", "0", "-n", "4", "--trace", path});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  const Outcome run = program.Wait();
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("Once upon a time, there was"));
  EXPECT_THAT(run.err, HasSubstr(path));
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace concord::e2e
