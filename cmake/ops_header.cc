// Build tool: writes concord/ops.h, the C11 form of ops/*.cc for authors of plugins.
#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>

#include "ops/core/op.h"

namespace {

using concord::ops::AttrValue;
using concord::ops::OpDef;
using concord::ops::Slot;

std::string Upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string Literal(const AttrValue& value) {
  if (auto* s = std::get_if<std::string>(&value)) return "\"" + *s + "\"";
  return concord::ops::ToString(value);
}

void WriteSlots(std::ostream& out, const std::string& prefix, const std::vector<Slot>& slots) {
  for (size_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    out << "#define " << prefix << Upper(slot.name) << " " << i << "u";
    if (slot.optional) out << " /* optional */";
    if (slot.weight && !slot.optional) out << " /* constant */";
    if (!slot.alias_of.empty()) out << " /* same storage as " << slot.alias_of << " */";
    out << "\n";
  }
}

void WriteOp(std::ostream& out, const OpDef& op) {
  const std::string upper = Upper(op.name);
  out << "\n/* " << op.doc << " */\n";
  out << "#define CONCORD_OP_" << upper << " \"" << op.name << "\"\n";
  out << "#define CONCORD_OP_" << upper << "_VERSION " << op.version << "u\n";
  WriteSlots(out, "CONCORD_" + upper + "_IN_", op.inputs);
  WriteSlots(out, "CONCORD_" + upper + "_OUT_", op.outputs);
  for (const auto& [key, value] : op.defaults.values()) {
    out << "#define CONCORD_" << upper << "_ATTR_" << Upper(key) << " \"" << key << "\"\n";
    out << "#define CONCORD_" << upper << "_DEFAULT_" << Upper(key) << " " << Literal(value) << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: concord_ops_h OUTPUT\n";
    return 2;
  }
  std::ofstream out(argv[1]);
  out << "/* Generated from ops/: names, versions, slots, attribute keys and defaults of every op. The full meaning, "
         "with\n"
         " * shapes and sources, stands at the head of ops/<name>.cc. Inputs and outputs of a concord_op_desc are "
         "indexed by\n"
         " * the slot numbers here; an attribute that is absent has the default here. */\n"
         "#ifndef CONCORD_OPS_H_\n#define CONCORD_OPS_H_\n";
  for (const OpDef& op : concord::ops::AllOps()) WriteOp(out, op);
  out << "\n#endif /* CONCORD_OPS_H_ */\n";
  out.flush();
  return out ? 0 : 1;
}
