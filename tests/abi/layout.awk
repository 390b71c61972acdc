# Reads `readelf --debug-dump=info` of a C file that includes a header, and prints one line for every struct, field,
# constant and function type of it whose name begins with "concord_" or "CONCORD_". The compiler wrote the debug
# information from the header, so nothing can be forgotten here.

# " <2><1a3>: Abbrev Number: 5 (DW_TAG_member)": depth, id and kind of an entry; children follow their parent, one deeper.
match($0, /^ *<[0-9a-f]+><[0-9a-f]+>: Abbrev Number: [0-9]+ \(DW_TAG_[a-z_]+\)/) {
  split($0, part, /[<>]+/)
  depth = part[2] + 0
  id = part[3]
  sub(/^.*DW_TAG_/, "")
  sub(/\).*$/, "")
  tag[id] = $0
  parent[id] = at_depth[depth - 1]
  at_depth[depth] = id
  children[parent[id]] = children[parent[id]] " " id
  order[++count] = id
  next
}

/DW_AT_(name|type|byte_size|data_member_location|const_value|upper_bound)[ :]/ {
  key = $0
  sub(/^.*DW_AT_/, "", key)
  sub(/[ :].*$/, "", key)
  value = $0
  sub(/^[^:]*: /, "", value)
  sub(/^\(indirect [^)]*\): /, "", value)
  gsub(/[ \t<>]+$/, "", value)
  sub(/^<0x/, "", value)
  attribute[id, key] = value
}

function has(i, key) { return (i, key) in attribute }

function elements(i,    n, part, k) {
  n = split(children[i], part, " ")
  for (k = 1; k <= n; ++k) if (tag[part[k]] == "subrange_type") return attribute[part[k], "upper_bound"] + 1
  return 0
}

function parameters(i,    n, part, k, text) {
  n = split(children[i], part, " ")
  for (k = 1; k <= n; ++k) {
    if (tag[part[k]] == "formal_parameter") text = text (text == "" ? "" : ", ") type_of(part[k])
    if (tag[part[k]] == "unspecified_parameters") text = text ", ..."
  }
  return text == "" ? "void" : text
}

function type_of(i) { return has(i, "type") ? type_name(attribute[i, "type"]) : "void" }

function type_name(i) {
  if (tag[i] == "pointer_type") return type_of(i) "*"
  if (tag[i] == "const_type") return "const " type_of(i)
  if (tag[i] == "array_type") return type_of(i) "[" elements(i) "]"
  if (tag[i] == "subroutine_type") return type_of(i) "(" parameters(i) ")"
  return has(i, "name") ? attribute[i, "name"] : tag[i]
}

function size_of(i) {
  if (has(i, "byte_size")) return attribute[i, "byte_size"] + 0
  if (tag[i] == "array_type") return elements(i) * size_of(attribute[i, "type"])
  return has(i, "type") ? size_of(attribute[i, "type"]) : 0
}

function print_struct(i,    n, part, k, m) {
  if (!has(i, "byte_size")) {
    print "opaque " attribute[i, "name"]
    return
  }
  print "struct " attribute[i, "name"] " size " attribute[i, "byte_size"]
  n = split(children[i], part, " ")
  for (k = 1; k <= n; ++k) {
    m = part[k]
    if (tag[m] != "member") continue
    print "field " attribute[i, "name"] "." attribute[m, "name"] " offset " attribute[m, "data_member_location"] + 0 \
      " size " size_of(attribute[m, "type"]) " type " type_of(m)
  }
}

END {
  for (k = 1; k <= count; ++k) {
    i = order[k]
    name = has(i, "name") ? attribute[i, "name"] : ""
    if (tag[i] == "structure_type" && name ~ /^concord_/) print_struct(i)
    if (tag[i] == "enumerator" && name ~ /^CONCORD_/) print "constant " name " " attribute[i, "const_value"]
    if (tag[i] == "typedef" && name ~ /^concord_.*_fn$/) print "function " name " " type_of(i)
  }
}
