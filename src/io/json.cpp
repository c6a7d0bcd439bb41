// Owns parsing JSON with a depth limit and without duplicate keys, and typed reads that name file and field.
#include "io/json.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "core/text.h"
#include "deltascape/error.h"
#include "io/file.h"
#include "io/json_sax.h"
#include "io/stand_in.h"

namespace deltascape::io {
namespace {

// Builds the document without recursion; nlohmann's own builder would keep the last of two equal keys silently.
class Builder : public JsonSax {
 public:
  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(std::int64_t value) override { return put(value); }
  bool number_unsigned(std::uint64_t value) override { return put(value); }
  bool number_float(double value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return charge(kText + value.size()) && put(std::move(value)); }
  bool start_object(std::size_t) override { return charge(kObject) && push(Json::object()); }
  bool start_array(std::size_t) override { return charge(kList) && push(Json::array()); }
  bool end_object() override { return pop(); }
  bool end_array() override { return pop(); }
  bool key(std::string& name) override {
    auto& object = open_.back()->get_ref<Json::object_t&>();
    if (!charge(kMember + name.size())) return false;
    // Most large objects come sorted or nearly so: the hint makes their insertion linear.
    const std::size_t before = object.size();
    const auto place = object.emplace_hint(object.end(), std::move(name), nullptr);
    if (object.size() == before) return refuse("the key " + place->first.substr(0, 100) + " appears twice");
    slot_ = &place->second;
    return true;
  }
  Json take() { return std::move(root_); }

 private:
  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    if (!open_.back()->is_array()) return &(*slot_ = std::move(value));
    auto& array = open_.back()->get_ref<Json::array_t&>();
    return &array.emplace_back(std::move(value));
  }
  bool put(Json value) { return charge(kValue) && place(std::move(value)) != nullptr; }
  bool push(Json value) {
    if (open_.size() >= kMaxJsonDepth) return refuse("nesting deeper than " + std::to_string(kMaxJsonDepth));
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool pop() {
    open_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Json*> open_;  // the containers around the current position
  Json* slot_ = nullptr;     // the value of the key read last
};

std::string describe(const Json& value) {
  if (value.is_array()) return "an array of " + std::to_string(value.size());
  if (value.is_object()) return "an object";
  if (value.is_string()) return '"' + value.get_ref<const std::string&>().substr(0, 80) + '"';
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

bool JsonSax::parse_error(std::size_t position, const std::string&, const Json::exception& error) {
  const std::string full = error.what();
  const std::size_t end_of_tag = full.find("] ");  // "[json.exception.parse_error.101] "
  return refuse("invalid JSON at byte " + std::to_string(position) + ": " +
                (end_of_tag == std::string::npos ? full : full.substr(end_of_tag + 2)));
}

void parse_json_sax(std::string_view text, const std::filesystem::path& name_in_messages, JsonSax& handler) {
  if (Json::sax_parse(text.begin(), text.end(), &handler)) return;
  throw Error(handler.code(), handler.reason(),
              {.path = name_in_messages.string(), .field = handler.field(), .expected = {}, .found = {}});
}

Json parse_json(std::string_view text, const std::filesystem::path& name_in_messages) {
  Builder builder;
  parse_json_sax(text, name_in_messages, builder);
  return builder.take();
}

Json read_json(const std::filesystem::path& file, std::size_t max_bytes) {
  const std::string text = read_text(file, max_bytes);
  refuse_stand_in(text, file);
  return parse_json(text, file);
}

JsonFields::JsonFields(const Json& object, std::filesystem::path file, std::string prefix)
    : object_(&object), file_(std::move(file)), prefix_(std::move(prefix)) {
  if (!object.is_object())
    throw Error(ErrorCode::kBadFile, "wrong JSON type",
                {.path = file_.string(), .field = prefix_, .expected = "an object", .found = describe(object)});
}

const Json* JsonFields::find(std::string_view key) const {
  const auto found = object_->find(key);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

bool JsonFields::has(std::string_view key) const { return find(key) != nullptr; }

std::optional<std::int64_t> JsonFields::integer(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_number_integer()) fail(key, "an integer");
  if (value->is_number_unsigned() &&
      value->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    fail(key, "an integer of 64 bits");
  return value->get<std::int64_t>();
}

std::optional<double> JsonFields::real(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_number()) fail(key, "a number");
  return value->get<double>();
}

std::optional<bool> JsonFields::boolean(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) fail(key, "true or false");
  return value->get<bool>();
}

std::optional<std::string> JsonFields::string(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_string()) fail(key, "a string");
  return value->get<std::string>();
}

std::int64_t JsonFields::required_integer(std::string_view key) const {
  const auto value = integer(key);
  if (!value) fail(key, "an integer");
  return *value;
}

std::optional<JsonFields> JsonFields::object(std::string_view key) const {
  const Json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) fail(key, "an object");
  return JsonFields(*value, file_, prefix_ + std::string(key) + ".");
}

void JsonFields::require_known(const std::vector<std::string>& names) const {
  for (const auto& [key, value] : object_->items())
    if (std::find(names.begin(), names.end(), key) == names.end())
      throw Error(ErrorCode::kBadFile, "no such field",
                  {.path = file_.string(), .field = prefix_ + key, .expected = "one of " + listed(names), .found = {}});
}

void JsonFields::fail(std::string_view key, const std::string& expected) const {
  const auto found = object_->find(key);
  throw Error(ErrorCode::kBadFile, found == object_->end() ? "a field is missing" : "a field has a wrong value",
              {.path = file_.string(),
               .field = prefix_ + std::string(key),
               .expected = expected,
               .found = found == object_->end() ? "" : describe(*found)});
}

}  // namespace deltascape::io
