#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

namespace concord::sdk {
inline namespace v0 {

// FNV-1a, 64 bits: keys and checksums, not secrets.
inline uint64_t Hash(std::string_view bytes, uint64_t seed = 0xcbf29ce484222325u) {
  for (const char c : bytes) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return seed;
}

// Files that may be lost at any time (compiled kernels), in the folder kernels below $CONCORD_CACHE_DIR, else
// $XDG_CACHE_HOME/concord, else ~/.cache/concord; nowhere when none of these is set. The host lists and removes them
// (runtime/base/cache_folder.h): it knows them by a name like "cpu-0123456789abcdef.kernels". Whatever is cut short, of
// another key or not ours reads as absent; a file that is being written by two processes ends as one of the two.
// Threads: any.
class DiskCache {
 public:
  // `name` is the file's; `key` says what the contents belong to (device, driver, plugin): another key reads as absent.
  DiskCache(std::string_view name, std::string_view key) : key_(key) {
    const std::filesystem::path folder = Folder();
    if (!folder.empty()) path_ = folder / "kernels" / std::string(name);
  }

  // Empty when there is nothing of use.
  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    if (path_.empty() || !file) return {};
    const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (all.size() < sizeof(Header)) return {};
    const std::string contents = all.substr(sizeof(Header));
    const Header want = HeaderOf(contents);
    return std::memcmp(all.data(), &want, sizeof(want)) == 0 ? contents : std::string();
  }

  // False when it could not be kept, which is no fault: it will be made again.
  bool Write(std::string_view contents) const {
    if (path_.empty()) return false;
    std::error_code error;
    std::filesystem::create_directories(path_.parent_path(), error);
    std::filesystem::path fresh = path_;
    fresh += "." + std::to_string(Hash(std::to_string(reinterpret_cast<uintptr_t>(this)) + std::string(contents)));
    {
      std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
      const Header header = HeaderOf(contents);
      file.write(reinterpret_cast<const char*>(&header), sizeof(header));
      file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
      if (!file.flush()) {
        std::filesystem::remove(fresh, error);
        return false;
      }
    }
    std::filesystem::rename(fresh, path_, error);  // at once: no reader sees half a file
    if (!error) return true;
    std::filesystem::remove(fresh, error);
    return false;
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  struct Header {
    char magic[8];
    uint64_t key, size, checksum;
  };

  Header HeaderOf(std::string_view contents) const {
    return {{'C', 'O', 'N', 'C', 'A', 'C', 'H', '1'}, Hash(key_), contents.size(), Hash(contents)};
  }

  static std::filesystem::path Folder() {
    if (const char* own = std::getenv("CONCORD_CACHE_DIR"); own != nullptr) return own;  // empty: keep nothing
    if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg == '/') {
      return std::filesystem::path(xdg) / "concord";
    }
    const char* home = std::getenv("HOME");
    return home == nullptr || *home != '/' ? std::filesystem::path()
                                           : std::filesystem::path(home) / ".cache" / "concord";
  }

  std::string key_;
  std::filesystem::path path_;
};

}  // namespace v0
}  // namespace concord::sdk
