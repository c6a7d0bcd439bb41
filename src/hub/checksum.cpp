// Owns hashing a file by OpenSSL.
#include "hub/checksum.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>

#include "deltascape/error.h"
#include "io/file.h"

#ifdef DELTASCAPE_DOWNLOADS
#include <openssl/evp.h>
#endif

namespace deltascape::hub {

#ifdef DELTASCAPE_DOWNLOADS

std::string checksum_of(const std::filesystem::path& file, Checksum kind) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const auto map = io::MappedFile::open(file);
  const std::span<const std::byte> content = map->bytes();
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  bool good = context != nullptr &&
              EVP_DigestInit_ex(context.get(), kind == Checksum::kSha256 ? EVP_sha256() : EVP_sha1(), nullptr) == 1;
  if (kind == Checksum::kGitBlob) {
    const std::string start = "blob " + std::to_string(content.size()) + '\0';
    good = good && EVP_DigestUpdate(context.get(), start.data(), start.size()) == 1;
  }
  for (std::size_t at = 0; good && at < content.size(); at += kPiece)
    good = EVP_DigestUpdate(context.get(), content.data() + at, std::min(kPiece, content.size() - at)) == 1;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  if (!good || EVP_DigestFinal_ex(context.get(), digest, &length) != 1)
    throw Error(ErrorCode::kInternal, "OpenSSL computes no checksum", {.path = file.string()});
  std::string out;
  for (unsigned int i = 0; i < length; ++i) {
    out += "0123456789abcdef"[digest[i] >> 4];
    out += "0123456789abcdef"[digest[i] & 15];
  }
  return out;
}

#else

std::string checksum_of(const std::filesystem::path& file, Checksum) {
  throw Error(ErrorCode::kUnsupported, "this program was built without OpenSSL and computes no checksum",
              {.path = file.string()});
}

#endif

}  // namespace deltascape::hub
