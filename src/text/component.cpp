// Owns typed reads of tagged objects.
#include "text/component.h"

#include <limits>

#include "deltascape/error.h"

namespace deltascape::text {

Component::Component(const io::Json& json, std::string where) : json_(&json), where_(std::move(where)) {
  if (!json.is_object()) fail("", "an object with a \"type\"");
  type_ = string("type");
}

const io::Json* Component::find(std::string_view key) const {
  const auto place = json_->find(key);
  return place == json_->end() || place->is_null() ? nullptr : &*place;
}

bool Component::boolean(std::string_view key) const {
  const io::Json* value = find(key);
  if (!value || !value->is_boolean()) fail(key, "true or false");
  return value->get<bool>();
}

bool Component::boolean(std::string_view key, bool when_absent) const { return find(key) ? boolean(key) : when_absent; }

std::string Component::string(std::string_view key) const {
  const io::Json* value = find(key);
  if (!value || !value->is_string()) fail(key, "a string");
  return value->get<std::string>();
}

std::string Component::string(std::string_view key, std::string when_absent) const {
  return find(key) ? string(key) : std::move(when_absent);
}

std::int32_t Component::integer(std::string_view key) const {
  const io::Json* value = find(key);
  if (!value || !value->is_number_integer() || *value < 0 || *value > std::numeric_limits<std::int32_t>::max()) {
    fail(key, "a number from 0 to 2^31 - 1");
  }
  return value->get<std::int32_t>();
}

const io::Json& Component::array(std::string_view key) const {
  const io::Json* value = find(key);
  if (!value || !value->is_array()) fail(key, "an array");
  return *value;
}

Regex Component::pattern() const {
  const io::Json* value = find("pattern");
  if (value && value->is_object() && value->size() == 1 && value->begin()->is_string()) {
    const auto& text = value->begin()->get_ref<const std::string&>();
    if (value->begin().key() == "String") return Regex::literal(text);
    if (value->begin().key() == "Regex") return Regex(text, where_ + ": pattern");
  }
  fail("pattern", "{\"String\": …} or {\"Regex\": …}");
}

void Component::fail(std::string_view key, const std::string& expected) const {
  const io::Json* value = json_->is_object() ? find(key) : json_;
  throw Error(ErrorCode::kBadFile, "a part of the tokenizer has another shape than it should",
              {.path = where_,
               .field = std::string(key),
               .expected = expected,
               .found = value ? one_line(value->dump(-1, ' ', false, io::Json::error_handler_t::replace), 80)
                              : std::string("nothing")});
}

void Component::unsupported(const std::string& what) const {
  throw Error(ErrorCode::kUnsupported, what + " is not supported",
              {.path = where_, .field = {}, .expected = {}, .found = {}});
}

}  // namespace deltascape::text
