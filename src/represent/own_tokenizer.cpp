#include "represent/own_tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/hash.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "represent/probes.h"
#include "text/open.h"

namespace deltascape::represent {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{256} << 20;
// A folder with one of the first has a tokenizer; the others say more about it.
constexpr std::array kVocabularies = {"tokenizer.json",          "tokenizer.model", "spiece.model",
                                      "sentencepiece.bpe.model", "vocab.json",      "vocab.txt"};
constexpr std::array kSettings = {"merges.txt", "tokenizer_config.json", "special_tokens_map.json",
                                  "added_tokens.json"};

// "a, b, c and 4 more"
std::string named(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 3;
  std::string out;
  for (std::size_t i = 0; i < std::min(kMost, names.size()); ++i) out += (i == 0 ? "" : ", ") + names[i];
  return names.size() <= kMost ? out : out + " and " + std::to_string(names.size() - kMost) + " more";
}

}  // namespace

std::optional<std::string> tokenizer_files(const fs::path& model) {
  if (!io::is_directory(model)) {
    try {
      return text::open_tokenizer(model)->identity();
    } catch (const Error& e) {
      if (e.code() == ErrorCode::kNotFound) return {};  // an adapter
      throw;
    }
  }
  const auto there = [&](const char* name) { return io::exists(model / name); };
  if (std::ranges::none_of(kVocabularies, there)) return {};
  Hasher hasher;
  const auto add = [&](const char* name) {
    if (there(name)) hasher.update(std::string_view(name)).update(io::read_text(model / name, kMaxFile));
  };
  std::ranges::for_each(kVocabularies, add);
  std::ranges::for_each(kSettings, add);
  return hasher.hex();
}

OwnProbes::OwnProbes(fs::path base, std::vector<std::string> probes, std::vector<std::vector<std::int64_t>> ids)
    : base_(std::move(base)), probes_(std::move(probes)), ids_(std::move(ids)) {}

OwnProbes::Tokenizer OwnProbes::compared(const fs::path& variant) const {
  Tokenizer out;
  try {
    out.differs = probe_ids(*text::open_tokenizer(variant), probes_) != ids_;
  } catch (const Error& e) {
    out.error = e.what();
  }
  return out;
}

void OwnProbes::look(const std::string& name, const fs::path& variant) {
  std::optional<std::string> files;
  try {
    files = tokenizer_files(variant);
  } catch (const Error&) {
    files = variant.string();  // which compared() finds again, and says
  }
  if (!files) return;
  if (!of_base_) of_base_ = tokenizer_files(base_);
  if (files == of_base_) return;
  auto place = seen_.find(*files);
  if (place == seen_.end()) place = seen_.emplace(*files, compared(variant)).first;
  place->second.owners.push_back(name);
}

std::vector<std::string> OwnProbes::notes() const {
  std::vector<std::string> out, names;
  for (const auto& [files, tokenizer] : seen_) {
    if (!tokenizer.error.empty())
      out.push_back("the tokenizer that " + named(tokenizer.owners) +
                    " brings along cannot be read, results are unaffected: " + tokenizer.error);
    if (tokenizer.differs) names.insert(names.end(), tokenizer.owners.begin(), tokenizer.owners.end());
  }
  std::ranges::sort(names);
  if (!names.empty())
    out.push_back("a tokenizer of its own reads these probes as other tokens: " + named(names) +
                  "; embedded with the base's tokens, so that embeddings compare");
  return out;
}

}  // namespace deltascape::represent
