#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "backends/reference/program.h"
#include "tests/emulators/sim/config.h"
#include "tests/emulators/sim/cost.h"
#include "tests/emulators/sim/queue.h"

namespace concord::sim {

// What the programs of a device share. Outlives them.
struct ProgramContext {
  DeviceConfig config;
  // Around everything that touches the device's memory: two queues may work at once on blocks of one state, of which a
  // device with a layout of its own rearranges all.
  std::mutex memory_mutex;
};

// A prepared program: computed by the reference, timed by its cost.
class SimPrepared final : public sdk::Prepared {
 public:
  SimPrepared(ProgramContext* context, std::shared_ptr<const sdk::GraphCopy> graph, sdk::HostBindings bindings,
              std::unique_ptr<sdk::Prepared> reference);

  sdk::Status Check(const sdk::Work& work);  // any thread
  sdk::Status Execute(const sdk::Work& work, Timing* timing);

 private:
  sdk::HostPrepared& reference() { return static_cast<sdk::HostPrepared&>(*reference_); }
  std::vector<Sequence> SequencesOf(const sdk::Op& op) const;
  Ns TimeOf(const sdk::Op& op) const;

  ProgramContext* context_;
  std::shared_ptr<const sdk::GraphCopy> graph_;
  sdk::HostBindings bindings_;  // of the sizes, and of kv_len
  std::unique_ptr<sdk::Prepared> reference_;
  std::mutex check_mutex_;
};

class SimProgram final : public sdk::Program {
 public:
  SimProgram(ProgramContext* context, const concord_program_desc& desc);
  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override;

 private:
  ProgramContext* context_;
  std::shared_ptr<const sdk::GraphCopy> graph_;
  reference::ReferenceProgram reference_;
};

}  // namespace concord::sim
