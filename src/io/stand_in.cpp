#include "io/stand_in.h"

#include <algorithm>
#include <string>

#include "core/text.h"
#include "deltascape/error.h"
#include "io/utf8.h"

namespace deltascape::io {
namespace {

constexpr std::size_t kHead = 256;

bool begins_like_a_page(std::string_view head) {
  const std::string lower = lower_ascii(trimmed(without_byte_order_mark(head.substr(0, kHead))));
  return lower.starts_with("<!doctype html") || lower.starts_with("<html");
}

}  // namespace

// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: "version" is the first key of every pointer.
void refuse_lfs_pointer(std::string_view head, const std::filesystem::path& file) {
  if (!head.starts_with("version https://git-lfs.") && !head.starts_with("version https://hawser.")) return;
  throw Error(ErrorCode::kBadFile, "this is a Git LFS pointer, not the file: run `git lfs pull` in its repository",
              {.path = file.string()});
}

void refuse_stand_in(std::string_view head, const std::filesystem::path& file) {
  refuse_lfs_pointer(head, file);
  if (begins_like_a_page(head))
    throw Error(ErrorCode::kBadFile,
                "this is a web page (HTML), not the file: download it again, from a /resolve/ address in place of "
                "/blob/, or with `hf download`",
                {.path = file.string()});
}

void refuse_stand_in(std::span<const std::byte> file_bytes, const std::filesystem::path& file) {
  refuse_stand_in(
      std::string_view(reinterpret_cast<const char*>(file_bytes.data()), std::min(file_bytes.size(), kHead)), file);
}

}  // namespace deltascape::io
