#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/hal/handle.h"

namespace concord::hal {

struct ProgramNames;

// A program with capacities fixed: what is submitted. Keeps its program alive.
class Prepared {
 public:
  Prepared() = default;
  Prepared(Prepared&&) = default;
  Prepared& operator=(Prepared&& other) noexcept {
    // The old handle goes before the program that it belongs to.
    handle_ = std::move(other.handle_);
    program_ = std::move(other.program_);
    name_ = std::move(other.name_);
    workspace_bytes_ = other.workspace_bytes_;
    workspace_align_bytes_ = other.workspace_align_bytes_;
    return *this;
  }

  concord_prepared* get() const { return handle_.get(); }
  // What a submission must bind as its workspace.
  uint64_t workspace_bytes() const { return workspace_bytes_; }
  uint64_t workspace_align_bytes() const { return workspace_align_bytes_; }
  const std::string& name() const { return *name_; }

 private:
  friend class Program;
  using ProgramHandle = Handle<concord_program, &concord_plugin_api::program_destroy>;

  std::shared_ptr<ProgramHandle> program_;  // before handle_, so that it is destroyed after it
  std::shared_ptr<const std::string> name_;
  Handle<concord_prepared, &concord_plugin_api::prepared_destroy> handle_;
  uint64_t workspace_bytes_ = 0;
  uint64_t workspace_align_bytes_ = 1;
};

struct PrepareArgs {
  absl::Span<const concord_symbol_value> capacities;  // every symbol once
  absl::Span<const concord_binding> bindings;         // constants, and whatever stays the same in every submission
  absl::Span<const uint64_t> value_offsets;           // a value's place in the workspace, or CONCORD_NO_OFFSET
  uint64_t planned_bytes = 0;
};

// A compiled partition of a graph.
class Program {
 public:
  Program() = default;
  // `op_names`: for the trace; null when there is none.
  Program(std::shared_ptr<const Device> device, const concord_plugin_api* api, concord_program* handle,
          std::string name, std::shared_ptr<const ProgramNames> op_names);
  Program(Program&&) = default;
  Program& operator=(Program&&) = default;

  concord_program* get() const { return program_ ? program_->get() : nullptr; }
  const std::string& name() const { return *name_; }

  // Fixes capacities; one caller at a time. Several prepared handles may live at once.
  absl::StatusOr<Prepared> Prepare(const PrepareArgs& args) const;

  // The artefact for the disk cache; UNIMPLEMENTED where there is nothing worth keeping.
  absl::StatusOr<std::string> Serialize() const;

 private:
  std::shared_ptr<Prepared::ProgramHandle> program_;
  std::shared_ptr<const std::string> name_;
  std::shared_ptr<const ProgramNames> op_names_;
  const concord_plugin_api* api_ = nullptr;
};

}  // namespace concord::hal
