// Owns telling what lies in a file's place when it was not really fetched: a Git LFS pointer, a web page.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace deltascape::io {

// `head`: how the file begins; a hundred bytes are enough. Throws Error(kBadFile) that says what to do.
void refuse_lfs_pointer(std::string_view head, const std::filesystem::path& file);
// The same, and a web page (HTML): for files that hold no prose, so that nothing sound begins like one.
void refuse_stand_in(std::string_view head, const std::filesystem::path& file);
void refuse_stand_in(std::span<const std::byte> file_bytes, const std::filesystem::path& file);

}  // namespace deltascape::io
