#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <variant>

namespace concord::ops {

using AttrValue = std::variant<int64_t, double, std::string>;

std::string ToString(const AttrValue& value);

// The attributes of one application of an op: key → value, keys sorted. What is absent has the op's default.
//
// Each op states its attributes once, as a struct with a visitor:
//   struct RmsNormAttrs {
//     double eps = 1e-6;
//     bool add_one = false;
//     template <typename V> void Visit(V& v) { v("eps", eps); v("add_one", add_one); }
//   };
// from which the typed form (As), the defaults (Of), protobuf, ops.h and the C form of the border all follow.
// Fields are bool, int64_t, double or std::string.
class Attrs {
 public:
  using Map = std::map<std::string, AttrValue>;

  Attrs() = default;
  Attrs(std::initializer_list<Map::value_type> values) : values_(values) {}

  void Set(const std::string& key, AttrValue value) { values_[key] = std::move(value); }
  const AttrValue* Find(const std::string& key) const {
    auto it = values_.find(key);
    return it == values_.end() ? nullptr : &it->second;
  }
  const Map& values() const { return values_; }
  bool operator==(const Attrs& o) const { return values_ == o.values_; }
  std::string ToString() const;  // "{eps=1e-05, kind=neox}"

  // The typed form; keys that are absent, or hold another kind, keep the default of T. Kinds and unknown keys are
  // checked where attributes enter (OpDef::CheckAttrs), not on every use.
  template <typename T>
  T As() const {
    T typed;
    Reader reader{this};
    typed.Visit(reader);
    return typed;
  }

  // The attributes of a typed struct, all of them.
  template <typename T>
  static Attrs Of(T typed) {
    Writer writer;
    typed.Visit(writer);
    Attrs attrs;
    attrs.values_ = std::move(writer.values);
    return attrs;
  }

 private:
  struct Reader {
    const Attrs* attrs;
    template <typename F>
    void operator()(const char* key, F& field) const {
      const AttrValue* value = attrs->Find(key);
      if (value == nullptr) return;
      if constexpr (std::is_same_v<F, std::string>) {
        if (auto* s = std::get_if<std::string>(value)) field = *s;
      } else if constexpr (std::is_floating_point_v<F>) {
        if (auto* f = std::get_if<double>(value)) field = *f;
      } else {
        if (auto* i = std::get_if<int64_t>(value)) field = static_cast<F>(*i);
      }
    }
  };
  struct Writer {
    Map values;
    template <typename F>
    void operator()(const char* key, F& field) {
      if constexpr (std::is_same_v<F, std::string>) {
        values[key] = field;
      } else if constexpr (std::is_floating_point_v<F>) {
        values[key] = static_cast<double>(field);
      } else {
        values[key] = static_cast<int64_t>(field);
      }
    }
  };

  Map values_;
};

}  // namespace concord::ops
