// Owns the two hashes that the hub names files by: SHA-256 of large ones, Git's SHA-1 of the others.
#pragma once

#include <filesystem>
#include <string>

namespace deltascape::hub {

enum class Checksum {
  kSha256,
  kSha1,
  kGitBlob,  // SHA-1 of "blob SIZE\0" and the content
};

// Lower-case hexadecimal digits. Throws Error(kUnsupported) when the program was built without OpenSSL.
std::string checksum_of(const std::filesystem::path& file, Checksum kind);

}  // namespace deltascape::hub
