#pragma once

#include <memory>
#include <string>

#include "concord/concord.h"
#include "runtime/cli/arguments.h"
#include "runtime/cli/console.h"
#include "runtime/cli/trace_option.h"
#include "runtime/exec/planner.h"
#include "runtime/hal/device_registry.h"
#include "runtime/loader/model_source.h"

namespace concord::cli {

// "cpu:0" and what else says where and how a model runs: the same words in every command.
struct DeviceOptions {
  std::string device = "cpu";  // or several: "vulkan:0,cpu"
  std::string place;           // which part of a model runs where; declared by the commands that run models, as are
  std::string prefill_device, decode_device;  // one that reads prompts, and one that answers
  std::vector<std::string> plugins;
  std::string search_path;  // folders whose plugins are all opened, before those of CONCORD_PLUGIN_PATH
  int threads = 0;
  bool pin = false;

  void Declare(Arguments& args);
  std::vector<std::string> DeviceNames() const;  // of --device; empty where other options say it all
  std::vector<std::string> AllNames() const;     // and those of the other options
};

struct ModelOptions : DeviceOptions {
  std::string model;
  int64_t context = 0;
  std::string kv_type = "f16";
  std::string decode_kv_type;
  std::string compute = "fast";
  std::string canary = "strict";
  int64_t batch_tokens = 512;
  std::string optimize_for = "latency";
  TraceOption trace;  // declared by commands that run the model

  void DeclareModel(Arguments& args, bool required);
  void Declare(Arguments& args);
  void DeclareCanary(Arguments& args);  // of commands that load what they are given
  LoadOptions ToLoadOptions() const;
  // Engines for `sequences` requests at once, each with a full context.
  EngineOptions ToEngineOptions(int64_t sequences = 1) const;
};

// What can be used here, with these plugins. DeviceError when one of `plugins` cannot serve.
absl::StatusOr<hal::DeviceRegistry> FindDevices(const DeviceOptions& options, LogFn log = nullptr);

// The model as a whole, with a progress bar, for so many requests at once. Errors carry the exit code of whose fault it
// is; what does not fit is refused before weights are read, with what would fit.
absl::StatusOr<Model> LoadModel(const ModelOptions& options, Console& console, int64_t sequences = 1);

// The model placed and compiled, with no weight read.
absl::StatusOr<std::unique_ptr<exec::Planner>> MakePlanner(const ModelOptions& options, int64_t sequences,
                                                           Console& console);

// The file alone: nothing is read but its head. `path` empty: the built-in model.
absl::StatusOr<std::unique_ptr<loader::ModelSource>> OpenModel(const std::string& path,
                                                               const loader::OpenOptions& options);

// The bytes of the file at `path`, "-" being standard input. UsageError when it cannot be read.
absl::StatusOr<std::string> ReadText(const std::string& path);

}  // namespace concord::cli
