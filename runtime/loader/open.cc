#include <exception>
#include <filesystem>
#include <new>
#include <system_error>

#include "absl/strings/match.h"
#include "runtime/base/mmap.h"
#include "runtime/loader/gguf_source.h"
#include "runtime/loader/hf_source.h"
#include "runtime/loader/model_source.h"
#include "runtime/loader/printable.h"
#include "runtime/loader/safetensors.h"
#include "runtime/loader/synthetic.h"

namespace concord::loader {
namespace {

using Source = absl::StatusOr<std::unique_ptr<ModelSource>>;

// A file that does not begin with GGUF's magic number: says what it is and what to give instead.
absl::Status NotAModel(const std::string& path) {
  CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  const absl::Span<const std::byte> bytes(file->data(), static_cast<size_t>(file->size_bytes()));
  if (bytes.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": the file is empty"));
  CONCORD_RETURN_IF_ERROR(CheckNotPointerOrPickle(bytes, path));
  const bool part = absl::EndsWith(path, ".safetensors") || absl::EndsWith(path, ".json");
  if (part) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": one file of a Hugging Face model; give the folder that holds it and config.json"));
  }
  for (absl::string_view ending : {".bin", ".pt", ".pth", ".ckpt", ".pkl"}) {
    if (!absl::EndsWith(path, ending)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": a PyTorch file, which can hold code and is therefore not read; take the safetensors or GGUF version"));
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ": not a model: begins with '",
                                                 Printable(file->text().substr(0, 4)),
                                                 "'; want a GGUF file, a Hugging Face folder or synthetic:<shape>"));
}

absl::StatusOr<bool> BeginsWithGgufMagic(const std::string& path) {
  CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  return absl::StartsWith(file->text(), "GGUF");
}

Source OpenAny(const std::string& path, const OpenOptions& options) {
  if (absl::StartsWith(path, "synthetic:")) return OpenSynthetic(path, options);
  if (path.empty()) return absl::InvalidArgumentError("the path of the model is empty");
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return OpenHfFolder(path, options);
  CONCORD_ASSIGN_OR_RETURN(const bool gguf, BeginsWithGgufMagic(path));
  return gguf ? OpenGgufFile(path, options) : NotAModel(path);
}

// The last guard: what a hostile file makes the standard library throw becomes a status here.
template <typename Fn>
Source Guarded(const std::string& name, Fn open) {
  try {
    return open();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("out of memory while opening ", name));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("while opening ", name, ": ", error.what()));
  }
}

}  // namespace

Source Open(const std::string& path, const OpenOptions& options) {
  return Guarded(path, [&] { return OpenAny(path, options); });
}

Source OpenMemory(absl::Span<const std::byte> bytes, const std::string& name, const OpenOptions& options,
                  std::shared_ptr<const void> owner) {
  return Guarded(name, [&] { return OpenGgufBytes(bytes, name, options, Format::kGguf, std::move(owner)); });
}

}  // namespace concord::loader
