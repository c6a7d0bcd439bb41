#include "io/gguf_split.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "core/text.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/mapped_tensors.h"

namespace deltascape::io {
namespace {

namespace fs = std::filesystem;

bool names_projector(std::string_view name) { return lower_ascii(name).find("mmproj") != std::string::npos; }

class SplitGguf final : public GgufFile {
 public:
  SplitGguf(std::unique_ptr<GgufFile> one, const std::function<std::unique_ptr<GgufFile>(const fs::path&)>& open)
      : path_(one->path()) {
    const auto count = one->integer("split.count").value_or(0);
    const auto part = gguf_part(path_.filename().string());
    if (!part)
      fail(path_, "", "one part of a split GGUF, and its name does not tell those of the others",
           "MODEL-00001-of-0000N.gguf, or one merged file (llama-gguf-split --merge)", path_.filename().string());
    if (count != part->count)
      fail(path_, "split.count", "another number of parts than the name says", std::to_string(part->count),
           std::to_string(count));
    for (int number = 1; number <= part->count; ++number) {
      const fs::path file = path_.parent_path() / part->name_of(number);
      if (number == part->number) parts_.push_back(std::move(one));
      else if (io::exists(fs::path(file))) parts_.push_back(open(file));
      else
        throw Error(ErrorCode::kNotFound, "a part of this split GGUF is missing: put all of them into one folder",
                    {.path = file.string(), .expected = std::to_string(part->count) + " parts"});
      check(*parts_.back(), number, part->count);
    }
    index();
  }
  const std::map<std::string, GgufValue, std::less<>>& metadata() const override { return parts_[0]->metadata(); }
  const std::vector<TensorInfo>& tensors() const override { return index_.tensors(); }
  const TensorInfo* find(std::string_view name) const override { return index_.find(name); }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override { return index_.bytes(tensor, path_); }
  const fs::path& path() const override { return path_; }
  std::vector<const MappedFile*> maps() const override {
    std::vector<const MappedFile*> out;
    for (const auto& part : parts_)
      for (const MappedFile* map : part->maps()) out.push_back(map);
    return out;
  }

 private:
  [[noreturn]] static void fail(const fs::path& file, const std::string& field, const std::string& message,
                                const std::string& expected, const std::string& found) {
    throw Error(ErrorCode::kBadFile, message,
                {.path = file.string(), .field = field, .expected = expected, .found = found});
  }

  static void check(const GgufFile& part, int number, int count) {
    const auto require = [&](const char* key, std::int64_t expected) {
      const std::int64_t found = part.integer(key).value_or(-1);
      if (found != expected)
        fail(part.path(), key, "the parts of this split GGUF do not belong together", std::to_string(expected),
             found < 0 ? "nothing" : std::to_string(found));
    };
    require("split.count", count);
    require("split.no", number - 1);
  }

  void index() {
    std::size_t tensors = 0;
    for (const auto& part : parts_) {
      tensors += part->tensors().size();
      for (const TensorInfo& tensor : part->tensors())
        if (!index_.add(tensor, part->bytes(tensor)))
          fail(part->path(), tensor.name, "this tensor is in an earlier part of the split GGUF too", "", "");
    }
    for (const auto& part : parts_)
      if (const auto all = part->integer("split.tensors.count"); all && *all != static_cast<std::int64_t>(tensors))
        fail(part->path(), "split.tensors.count", "the parts hold another number of tensors", std::to_string(*all),
             std::to_string(tensors));
  }

  fs::path path_;
  std::vector<std::unique_ptr<GgufFile>> parts_;
  TensorIndex index_;
};

// Whether the file's own metadata say that it is a projector; a file that does not open is judged when it is used.
bool is_projector(const fs::path& file) try {
  return GgufFile::open(file)->string("general.architecture").value_or("") == "clip";
} catch (const Error&) {
  return false;
}

}  // namespace

bool ends_in_gguf(std::string_view name) { return lower_ascii(name).ends_with(".gguf"); }

std::optional<GgufPart> gguf_part(std::string_view name) {
  constexpr std::size_t kTail = std::string_view("-00002-of-00003.gguf").size();
  if (name.size() <= kTail || !ends_in_gguf(name)) return std::nullopt;
  const std::string tail = lower_ascii(name.substr(name.size() - kTail));
  const auto number = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = at; i < at + 5; ++i) {
      if (tail[i] < '0' || tail[i] > '9') return -1;
      value = value * 10 + (tail[i] - '0');
    }
    return value;
  };
  GgufPart out{std::string(name.substr(0, name.size() - kTail)), std::string(name.substr(name.size() - 5)), number(1),
               number(10)};
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || out.number < 1 || out.number > out.count) return std::nullopt;
  return out;
}

std::string GgufPart::name_of(int other) const {
  char text[32];
  std::snprintf(text, sizeof text, "-%05d-of-%05d", other, count);
  return stem + text + ending;
}

std::vector<std::string> gguf_models(const std::vector<std::string>& names) {
  std::map<std::pair<std::string, int>, int> first;  // of a set of parts, the lowest number
  std::set<std::string> models;
  bool projectors = true;  // and nothing else
  for (const std::string& name : names) {
    if (!ends_in_gguf(name)) continue;
    projectors = projectors && names_projector(name);
    if (const auto part = gguf_part(name)) {
      const auto [at, added] = first.emplace(std::pair(part->stem, part->count), part->number);
      at->second = std::min(at->second, part->number);
    }
  }
  for (const std::string& name : names) {
    if (!ends_in_gguf(name) || (!projectors && names_projector(name))) continue;
    const auto part = gguf_part(name);
    if (!part || first.at({part->stem, part->count}) == part->number) models.insert(name);
  }
  return {models.begin(), models.end()};
}

fs::path single_gguf(const fs::path& path) {
  if (!io::is_directory(path) || io::exists(path / "config.json")) return path;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error))
    names.push_back(entry->path().filename().string());
  if (error) throw Error(ErrorCode::kIo, "cannot list the folder: " + error.message(), {.path = path.string()});
  std::vector<std::string> found = gguf_models(names);
  if (found.size() > 1) std::erase_if(found, [&](const std::string& name) { return is_projector(path / name); });
  if (found.size() > 1)
    throw Error(ErrorCode::kUsage, "the folder holds several GGUF files: name one of them",
                {.path = path.string(), .found = found[0] + ", " + found[1] + (found.size() > 2 ? ", …" : "")});
  return found.empty() ? path : path / found.front();
}

std::unique_ptr<GgufFile> open_split_gguf(std::unique_ptr<GgufFile> one,
                                          const std::function<std::unique_ptr<GgufFile>(const fs::path&)>& open) {
  return std::make_unique<SplitGguf>(std::move(one), open);
}

}  // namespace deltascape::io
