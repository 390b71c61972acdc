#pragma once

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/base/tracer.h"

namespace concord {

// What the tracer holds in the Trace Event Format of Chrome, which ui.perfetto.dev opens: a process for the host and
// for each device, threads within. Slices come in the order in which they began. On one thread they are nested or
// disjoint: what is neither, such as ops that ran side by side, goes to a further thread ("queue 0 (2)").
// `write` gets the text piece by piece; its first error ends the work and is returned.
// Source: "Trace Event Format", Nat Duca and Dan Sinclair, 2016.
absl::Status WriteTraceJson(const Tracer::Contents& contents,
                            const std::function<absl::Status(absl::string_view)>& write);

// The same to a file, whole or not at all.
absl::Status WriteTraceFile(const Tracer::Contents& contents, const std::string& path);

}  // namespace concord
