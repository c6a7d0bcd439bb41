// Writing the npz of docs/formats.md.
#include <nlohmann/json.hpp>

#include "deltascape/error.h"
#include "io/npz.h"
#include "store/npz.h"
#include "store/record_json.h"
#include "store/rows.h"

namespace deltascape::store {
namespace {

// What `--layer` calls the rows of an embedding.
std::vector<std::string> layer_names(const Record& record) {
  if (record.space.parameter("layer").empty()) return {};
  if (record.layers == 1) return {record.space.parameter("layer")};
  std::vector<std::string> out;
  for (std::int64_t l = 0; l + 1 < record.layers; ++l) out.push_back(std::to_string(l));
  out.emplace_back("last");
  return out;
}

std::string text_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// The arrays of an npz, filled with one record after the other.
class Arrays {
 public:
  explicit Arrays(const std::filesystem::path& out) : out_(out) {}

  void add(const Record& r) {
    check_record(r);
    if (!first_) {
      first_ = r;
      first_->mean.clear();
      first_->per_probe.clear();
      first_->products.clear();
      first_->standard_error.clear();
    }
    require_kind(r);
    if (r.products.empty()) {
      values_.insert(values_.end(), r.mean.begin(), r.mean.end());
    } else {
      hashes_.push_back(r.variant_hash);
      products_.push_back(r.products);
    }
    names_.push_back(r.name);
    labels_.push_back(r.label);
    paths_.push_back(r.path);
    nlohmann::json facts = facts_json(r);
    for (const char* left_out : {"name", "created", "cluster"}) facts.erase(left_out);  // what a later run may change
    rows_.append(rows_.empty() ? "" : ",").append(text_of(facts));
  }

  std::size_t write() {
    const std::int64_t count = std::ssize(names_);
    const Record none, &first = first_ ? *first_ : none;
    const std::vector<std::string> layers = first_ ? layer_names(first) : std::vector<std::string>();
    std::map<std::string, io::NpyArray> arrays;
    if (!products_.empty()) arrays["gram"] = {.shape = {count, count}, .values = gram()};
    else
      arrays["embeddings"] = {.shape = first.layers > 1 ? std::vector<std::int64_t>{count, first.layers, first.dim}
                                                        : std::vector<std::int64_t>{count, first.dim},
                              .values = std::move(values_),
                              .half = first.space.representation == "logits"};
    arrays["model_names"] = {.shape = {count}, .values = std::move(names_)};
    arrays["labels"] = {.shape = {count}, .values = std::move(labels_)};
    arrays["paths"] = {.shape = {count}, .values = std::move(paths_)};
    arrays["layers"] = {.shape = {std::ssize(layers)}, .values = layers};
    arrays["base_model"] = {.shape = {}, .values = std::vector<std::string>{first.space.base_name}};
    arrays["probe_info"] = {.shape = {}, .values = std::vector<std::string>{probe_info()}};
    io::write_npz(out_, arrays);
    return static_cast<std::size_t>(count);
  }

 private:
  // Inner products of all pairs, [count, count].
  std::vector<double> gram() const {
    std::vector<double> out;
    for (std::size_t i = 0; i < products_.size(); ++i)
      for (std::size_t j = 0; j < products_.size(); ++j) {
        const auto found = products_[i].find(hashes_[j]);
        const auto mirrored = products_[j].find(hashes_[i]);
        if (found == products_[i].end() && mirrored == products_[j].end())
          throw Error(ErrorCode::kInternal, "an inner product is not known",
                      {.path = out_.string(), .field = names_[i] + ", " + names_[j]});
        out.push_back(found != products_[i].end() ? found->second : mirrored->second);
      }
    return out;
  }

  // One npz holds one base (docs/design.md §7.1), and one array has one shape and one meaning.
  void require_kind(const Record& r) const {
    if (r.space.base != first_->space.base)
      throw Error(
          ErrorCode::kUsage, "one npz holds the rows of one base; export each base to its own file",
          {.path = out_.string(), .field = r.name, .expected = first_->space.base_name, .found = r.space.base_name});
    require_comparable({*first_, r});
  }

  // A JSON object, its keys in order.
  std::string probe_info() const {
    std::string out = "{";
    if (first_) out += "\"comparable\":" + text_of(space_json(first_->space)) + ",";
    out += "\"format\":\"" + std::string(kNpzFormat) + "\",";
    if (first_ && first_->probe_count > 0) out += "\"probe_count\":" + std::to_string(first_->probe_count) + ",";
    return out + "\"rows\":[" + rows_ + "],\"version\":1}";
  }

  const std::filesystem::path& out_;
  std::optional<Record> first_;  // without its numbers
  std::vector<float> values_;    // [count, dim] or [count, layers, dim]
  std::vector<std::string> names_, labels_, paths_;
  std::string rows_;
  std::vector<std::string> hashes_;                      // of the content
  std::vector<std::map<std::string, double>> products_;  // of a representation that gives these
};

}  // namespace

std::size_t write_npz(const Records& each, const std::filesystem::path& out) {
  Arrays arrays(out);
  each([&](const Record& record) { arrays.add(record); });
  return arrays.write();
}

void write_embeddings_npz(const std::vector<Record>& records, const std::filesystem::path& out) {
  Arrays arrays(out);
  for (const Record& record : records) arrays.add(record);
  arrays.write();
}

}  // namespace deltascape::store
