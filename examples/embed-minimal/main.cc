// embed-minimal MODEL PROMPT: streams a continuation. An empty MODEL is the built-in demo model.
#include <iostream>

#include "concord/concord.h"

namespace {

absl::Status Write(const std::string& path, const std::string& prompt) {
  absl::StatusOr<concord::Model> model = concord::Model::Load(path);
  if (!model.ok()) return model.status();
  absl::StatusOr<concord::Engine> engine = concord::Engine::Create(*model);
  if (!engine.ok()) return engine.status();
  concord::Request request;
  request.prompt = prompt;
  request.max_tokens = 40;
  absl::StatusOr<concord::Stream> stream = engine->Generate(request);
  if (!stream.ok()) return stream.status();
  std::cout << prompt;
  for (const concord::Token& token : *stream) std::cout << token.text << std::flush;
  std::cout << "\n";
  return stream->status();
}

}  // namespace

int main(int argc, char** argv) {
  const absl::Status status = Write(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "Once upon a time");
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
