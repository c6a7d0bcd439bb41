#include "adapter/targeting.h"

#include <algorithm>
#include <charconv>

#include "deltascape/error.h"

namespace deltascape::adapter {
namespace {

using io::Json;
using io::JsonFields;

std::shared_ptr<const Regex> compiled(const JsonFields& c, const std::string& key, const std::string& given,
                                      const std::string& pattern) {
  try {
    return std::make_shared<const Regex>(pattern);
  } catch (const Error&) {
    throw Error(ErrorCode::kBadFile, "not a regular expression",
                {.path = c.file().string(), .field = key, .found = one_line(given, 80)});
  }
}

// A string, or a list of strings; null and absent are none.
std::vector<std::string> words_of(const JsonFields& c, const std::string& key) {
  const Json* given = c.find(key);
  if (given == nullptr) return {};
  if (given->is_string()) return {given->get<std::string>()};
  if (!given->is_array()) c.fail(key, "a string or a list of strings");
  std::vector<std::string> out;
  for (const Json& word : *given) {
    if (!word.is_string()) c.fail(key, "a string or a list of strings");
    out.push_back(word.get<std::string>());
  }
  return out;
}

}  // namespace

bool Targeting::Names::match(std::string_view path) const {
  if (pattern != nullptr) return pattern->search(path).has_value();
  if (words.contains(path)) return true;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.', dot + 1))
    if (words.contains(path.substr(dot + 1))) return true;
  return false;
}

Targeting::Names Targeting::read_names(const JsonFields& c, const std::string& key) {
  Names out;
  const std::vector<std::string> words = words_of(c, key);
  const Json* given = c.find(key);
  if (given != nullptr && given->is_string() && !words.front().empty())
    out.pattern = compiled(c, key, words.front(), "\\A(?:" + words.front() + ")\\z");
  else out.words.insert(words.begin(), words.end());
  return out;
}

Targeting::Targeting(const JsonFields& c) {
  everything_ = !c.has("target_modules") && !c.has("target_parameters");
  if (const Json* targets = c.find("target_modules"); targets != nullptr && targets->is_string()) {
    const std::string word = targets->get<std::string>();
    all_linear_ = word.size() == 10 && std::ranges::equal(word, std::string_view("all-linear"), [](char a, char b) {
                    return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
                  });
  }
  if (!all_linear_) targets_ = read_names(c, "target_modules");
  excluded_ = read_names(c, "exclude_modules");
  for (const std::string& module : words_of(c, "modules_to_save"))
    saved_.push_back(compiled(c, "modules_to_save", module, "\\A(?:|.*\\.)(?:" + module + ")(?:$|\\..*)"));
  if (targets_.pattern != nullptr || all_linear_) return;  // PEFT counts layers for lists of names alone
  if (const Json* layers = c.find("layers_to_transform")) {
    std::set<std::int64_t> numbers;
    for (const Json& number : layers->is_array() ? *layers : Json::array({*layers})) {
      if (!number.is_number_integer()) c.fail("layers_to_transform", "a whole number or a list of them");
      numbers.insert(number.get<std::int64_t>());
    }
    if (!numbers.empty() || !layers->is_array()) layers_ = numbers;
  }
  for (const std::string& name : words_of(c, "layers_pattern"))
    if (!name.empty())
      layers_patterns_.push_back(
          compiled(c, "layers_pattern", name, "\\A(?:.*?\\.)?(?:" + name + ")\\.(?<idx>\\d+)\\."));
  if (layers_patterns_.empty()) layers_patterns_.push_back(std::make_shared<const Regex>("\\A.*?\\.[^.]*\\.(\\d+)\\."));
}

bool Targeting::in_layers(std::string_view path) const {
  if (!layers_) return true;
  for (const auto& pattern : layers_patterns_) {
    const auto number = pattern->search(path);
    if (!number) continue;
    std::int64_t layer = -1;
    std::from_chars(number->data(), number->data() + number->size(), layer);
    return layers_->contains(layer);
  }
  return false;
}

bool Targeting::names(std::string_view path, bool is_linear) const {
  if (excluded_.match(path)) return false;
  if (std::ranges::any_of(saved_, [&](const auto& module) { return module->search(path).has_value(); })) return false;
  if (everything_) return true;
  if (all_linear_) return is_linear;
  if (targets_.words.contains(path)) return true;  // a whole path is named in spite of its layer
  return targets_.match(path) && in_layers(path);
}

}  // namespace deltascape::adapter
