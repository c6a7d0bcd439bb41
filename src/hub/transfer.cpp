// Owns the requests for one file's content.
#include "hub/transfer.h"

#include <algorithm>
#include <cctype>

#include "core/text.h"
#include "deltascape/error.h"
#include "hub/checksum.h"

namespace deltascape::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMegabyte = 1'000'000;

bool is_hex(const std::string& text, std::size_t digits) {
  return text.size() == digits &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

ByteProgress::ByteProgress(Progress& progress, const std::string& stage, std::int64_t total_bytes)
    : progress_(progress) {
  progress.begin(stage + " (MB)", total_bytes / kMegabyte);
}

void ByteProgress::add(std::int64_t bytes) {
  bytes_ += bytes;
  const std::int64_t steps = bytes_ / kMegabyte - told_;
  told_ += steps;
  if (steps != 0) advance(progress_, steps);
}

Transfer::Transfer(HubClient& client, Cargo cargo, ByteProgress& progress)
    : client_(client), cargo_(std::move(cargo)), progress_(progress) {}

void Transfer::refuse(const std::string& what, const std::string& expected, const std::string& found) const {
  throw Error(ErrorCode::kBadFile, what,
              {.path = cargo_.id.repository, .field = cargo_.file.name, .expected = expected, .found = found});
}

void Transfer::run(const fs::path& blob) {
  fs::path incomplete = blob;
  incomplete += ".incomplete";
  PartialFile partial(incomplete);
  bool begun_earlier = partial.size() > 0;
  progress_.add(partial.size());
  if (partial.size() > cargo_.file.size) restart(partial);
  while (true) {
    partial.require_space_for(cargo_.file.size - partial.size());
    receive(partial);
    const std::string wrong = difference(partial.path());
    if (wrong.empty()) break;
    restart(partial);
    if (begun_earlier) {
      begun_earlier = false;
      continue;
    }
    std::error_code ignored;
    fs::remove(partial.path(), ignored);
    refuse("what came is not the file that the hub named by its hash", cargo_.etag, wrong);
  }
  partial.move_to(blob);
}

void Transfer::restart(PartialFile& partial) {
  progress_.add(-partial.size());
  partial.restart();
}

void Transfer::receive(PartialFile& partial) {
  Patience patience(client_.settings().pause);
  std::int64_t best = partial.size();
  while (partial.size() < cargo_.file.size) {
    const std::int64_t from = partial.size();
    bool accepted = false;
    HttpResponse r = client_.get(
        cargo_.id, cargo_.commit, cargo_.file, from, [&](const HttpResponse& head, std::span<const std::byte> piece) {
          if (!accepted) accept(partial, head, from);
          accepted = true;
          if (static_cast<std::int64_t>(piece.size()) > cargo_.file.size - partial.size())
            refuse("the hub sends more than the file's size", std::to_string(cargo_.file.size) + " bytes", "more");
          partial.append(piece);
          progress_.add(static_cast<std::int64_t>(piece.size()));
        });
    if (partial.size() == cargo_.file.size) return;
    if (r.status == 416 && from > 0) {  // what is here is no beginning of what is there
      restart(partial);
      best = 0;
      // Without a range there is no 416 that means this; one that comes all the same ends the loop below.
      continue;
    }
    if (r.status / 100 == 2 && r.failure == HttpFailure::kNone) {
      r.failure = HttpFailure::kCut;
      r.reason = "an answer that ends after " + std::to_string(partial.size()) + " of " +
                 std::to_string(cargo_.file.size) + " bytes";
    }
    const bool progressed = partial.size() > best;
    best = std::max(best, partial.size());
    if (!patience.again(r, progressed)) client_.fail(cargo_.id, cargo_.file.name, r);
  }
}

// Looks at the head of an answer before its first byte is kept.
void Transfer::accept(PartialFile& partial, const HttpResponse& head, std::int64_t from) {
  const std::string size = std::to_string(cargo_.file.size);
  if (head.status == 206) {
    const std::string range = head.header("content-range");
    const std::string wanted = "bytes " + std::to_string(from) + "-";
    const std::string total = range.substr(std::min(range.find('/'), range.size()));
    if (!range.starts_with(wanted) || (total != "/" + size && total != "/*"))
      refuse("the hub answers with another part of the file than the one asked for", wanted + ".../" + size, range);
    return;
  }
  if (head.status != 200)
    refuse("the hub answers in a way that is not understood", "HTTP 200 or 206", "HTTP " + std::to_string(head.status));
  const std::string length = head.header("content-length");
  if (!length.empty() && length != size) refuse("the hub sends a file of another size", size + " bytes", length);
  if (from > 0) restart(partial);  // it knows no ranges: the file comes whole
}

std::string Transfer::difference(const fs::path& file) const {
  const std::string etag = lower_ascii(cargo_.etag), listed = lower_ascii(cargo_.file.sha256);
  std::string sha256 = is_hex(listed, 64) || is_hex(etag, 64) ? checksum_of(file, Checksum::kSha256) : std::string();
  for (const std::string& wanted : {listed, etag})
    if (is_hex(wanted, 64) && wanted != sha256) return sha256;
  if (is_hex(etag, 64)) return "";
  if (!is_hex(etag, 40)) return "";  // a mirror's own name; the size is right
  const std::string git = checksum_of(file, Checksum::kGitBlob);
  // Some mirrors name files by the plain SHA-1.
  return git == etag || checksum_of(file, Checksum::kSha1) == etag ? "" : git;
}

}  // namespace deltascape::hub
