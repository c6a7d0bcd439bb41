// Owns reading post-processors.
#include "text/post_processor.h"

#include <limits>

#include "text/component.h"

namespace deltascape::text {
namespace {

std::int32_t id_of(const Component& part, const io::Json& json, const char* field) {
  if (!json.is_number_integer() || json < 0 || json > std::numeric_limits<std::int32_t>::max()) {
    part.fail(field, "a token id");
  }
  return json.get<std::int32_t>();
}

PostProcessor from_template(const Component& part) {
  PostProcessor out;
  bool behind = false;
  const auto special = part.json().find("special_tokens");
  for (const io::Json& piece : part.array("single")) {
    if (!piece.is_object() || piece.size() != 1 || !piece.begin()->is_object()) part.fail("single", "template pieces");
    const auto name = piece.begin()->find("id");
    if (name == piece.begin()->end() || !name->is_string()) part.fail("single", "an id in every piece");
    if (piece.begin().key() == "Sequence") {
      if (*name != "A" || behind) part.unsupported("a template without exactly one sequence A");
      behind = true;
      continue;
    }
    if (piece.begin().key() != "SpecialToken") part.fail("single", "Sequence or SpecialToken");
    if (special == part.json().end() || !special->is_object()) part.fail("special_tokens", "an object");
    const auto token = special->find(name->get_ref<const std::string&>());
    if (token == special->end() || !token->is_object() || !token->contains("ids") || !token->at("ids").is_array()) {
      part.fail("special_tokens", "ids for " + name->get<std::string>());
    }
    for (const io::Json& id : token->at("ids")) {
      (behind ? out.after : out.before).push_back(id_of(part, id, "special_tokens"));
    }
  }
  if (!behind) part.unsupported("a template without exactly one sequence A");
  return out;
}

// "cls": ["<s>", 0], "sep": ["</s>", 2].
std::int32_t pair_id(const Component& part, const char* key) {
  const io::Json& pair = part.array(key);
  if (pair.size() != 2) part.fail(key, "[token, id]");
  return id_of(part, pair[1], key);
}

}  // namespace

PostProcessor make_post_processor(const io::Json& json, const std::string& where) {
  if (json.is_null()) return {};
  const Component part(json, where);
  const std::string& type = part.type();
  if (type == "ByteLevel") return {};
  if (type == "TemplateProcessing") return from_template(part);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    return {{pair_id(part, "cls")}, {pair_id(part, "sep")}};
  }
  if (type == "Sequence") {
    PostProcessor out;
    int with_tokens = 0;
    for (const io::Json& child : part.array("processors")) {
      PostProcessor next = make_post_processor(child, where);
      if (next.before.empty() && next.after.empty()) continue;
      if (++with_tokens > 1) part.unsupported("a sequence of two post-processors that both add tokens");
      out = std::move(next);
    }
    return out;
  }
  part.unsupported("the post-processor " + type);
}

}  // namespace deltascape::text
