#pragma once

#include <string>
#include <utility>
#include <vector>

#include "runtime/graph/module.h"

namespace concord::graph {

// Builds a module op by op. The first error sticks: later calls do nothing and Finish() returns it, with the scope it
// happened in, so that model files read as mathematics. Ids returned after an error are kNoValue.
class Builder {
 public:
  explicit Builder(std::string name);

  // Everything named or applied until the returned guard dies is in `scope` ("layers.3"); scopes nest with dots.
  class ScopeGuard {
   public:
    ~ScopeGuard();
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;

   private:
    friend class Builder;
    ScopeGuard(Builder* builder, size_t length) : builder_(builder), length_(length) {}
    Builder* builder_;
    size_t length_;
  };
  [[nodiscard]] ScopeGuard Scope(absl::string_view scope);

  // An input of the graph; asking again for the same name returns the same value.
  ValueId Input(const std::string& name, std::vector<ops::Dim> dims, const char* packing = "i32");
  // A weight named <scope>.<name>, of the type that it has in the file (after `source` is applied).
  ValueId Weight(const std::string& name, ops::TensorType type, WeightSource source);
  // A small f32 vector computed at load.
  ValueId Table(const std::string& name, std::vector<float> values);

  struct Arg {
    const char* slot;
    ValueId value;  // kNoValue for an optional input: absent
  };
  // Applies `op`; returns its outputs in slot order. Errors name scope, op, slot, got and wanted.
  std::vector<ValueId> Apply(absl::string_view op, const std::vector<Arg>& args, ops::Attrs attrs = {});
  ValueId Apply1(absl::string_view op, const std::vector<Arg>& args, ops::Attrs attrs = {});  // its only output

  // A paged state group; its inputs <name>.slots and <name>.block_table appear when first used.
  int AddPagedGroup(const std::string& name, int64_t block_tokens);
  // Appends k and v to new K and V states of `group` and attends q over them. k, v [n, n_kv_heads, d] f32.
  // `kv_packing` is the type that the caches have.
  ValueId AppendAndAttend(int group, ValueId q, ValueId k, ValueId v, const char* kv_packing, ops::Attrs attention,
                          ValueId sinks = kNoValue);

  void Output(const std::string& name, ValueId value);
  void Fail(absl::Status status);  // a model's own check
  bool ok() const { return status_.ok(); }
  const ops::TensorType& type(ValueId value) const;  // an empty type for kNoValue

  // The module; weights and states that nothing reads are gone. Runs Validate().
  absl::StatusOr<Module> Finish();

 private:
  ValueId AddValue(Value value);
  ValueId State(int group, const std::string& name, ops::TensorType type);
  absl::Status Annotated(absl::Status status) const;

  Module module_;
  std::string scope_;
  absl::Status status_;
};

}  // namespace concord::graph
