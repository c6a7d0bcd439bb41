#include "train/columns.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "core/closest.h"
#include "core/text.h"
#include "deltascape/error.h"

namespace deltascape::training {
namespace {

using io::JsonFields;
using Names = std::vector<std::string>;

const Names kPrompts{"prompt", "question", "instruction", "input"};
const Names kCompletions{"completion", "response", "answer", "output"};
const Names kChats{"messages", "conversations", "conversation", "dialogue", "dialog"};
// What belongs to the prompt too: other names are no reason to drop it.
const Names kMore{"input", "context", "system", "history", "passage"};

bool is_empty(const io::Json* value) {
  return value == nullptr || (value->is_string() && value->get_ref<const std::string&>().empty()) ||
         (value->is_array() && value->empty());
}

Names present(const JsonFields& row, const Names& names) {
  Names out;
  std::ranges::copy_if(names, std::back_inserter(out), [&](const std::string& name) { return row.has(name); });
  return out;
}

[[noreturn]] void fail(const JsonFields& row, const std::string& field, const std::string& message,
                       const std::string& expected = "", const std::string& found = "") {
  const std::string place = row.prefix().substr(0, row.prefix().find_last_not_of(": ") + 1);
  throw Error(ErrorCode::kBadFile, message,
              {.path = row.file().string(),
               .field = field.empty() ? place : row.prefix() + field,
               .expected = expected,
               .found = found});
}

// A list of turns where a text should be.
void refuse_chats(const JsonFields& row, const Names& fields) {
  for (const std::string& name : fields)
    if (const io::Json* value = row.find(name); value != nullptr && value->is_array())
      fail(
          row, name,
          "a chat: its turns become text by the base's chat template, which is not applied yet; write the turns as the "
          "template does",
          R"({"prompt","completion"}, the last answer as completion)");
}

std::string fields_of(const JsonFields& row) {
  Names names;
  for (const auto& [key, value] : row.json().items()) names.push_back(key);
  const std::size_t all = names.size();
  names.resize(std::min<std::size_t>(all, 12));
  return names.empty() ? "no field" : "the fields " + listed(names) + (all > names.size() ? ", …" : "");
}

// The one field of these that the row has. Nothing else may be meant.
std::string only(const JsonFields& row, const Names& names, const std::string& own) {
  const Names found = present(row, names);
  if (found.size() == 1) return found.front();
  if (found.size() > 1)
    fail(row, "", "several fields could be the " + own + ": rename one of them", own, listed(found));
  for (const auto& [key, value] : row.json().items())
    if (key != own && !near_names(own, {key}, 2).empty())
      fail(row, own, "a field is missing; is it called " + key + " here?");
  row.fail(own, "a text");
}

// Names of others leave nothing out without a word.
void refuse_more(const JsonFields& row, const Columns& columns) {
  for (const std::string& name : kMore)
    if (name != columns.prompt && !(columns.alpaca && name == "input") && !is_empty(row.find(name)))
      fail(row, name, "a field that may belong to the prompt: write it into {\"prompt\"} with the rest",
           columns.prompt + " alone", name + " beside it");
}

std::string told_of(const Columns& c, RowKind kind) {
  const bool completion = kind == RowKind::kCompletion;
  if (c.alpaca)
    return "the examples are Alpaca's: the prompt is its template around instruction and input" +
           std::string(completion ? ", the completion is " + c.completion : "");
  std::string out;
  if (c.prompt != "prompt") out = c.prompt + " is read as the prompt";
  if (completion && c.completion != "completion")
    out += (out.empty() ? "" : ", ") + c.completion + (out.empty() ? " is read as" : " as") + " the completion";
  if (kind == RowKind::kChoice && c.choices != "choices")
    out += (out.empty() ? "" : ", ") + c.choices + (out.empty() ? " are read as" : " as") + " the choices";
  return out;
}

Names needed(RowKind kind) {
  switch (kind) {
    case RowKind::kPreference: return {"prompt", "chosen", "rejected"};
    case RowKind::kChoice: return {"prompt", "choices", "answer"};
    default: return {"prompt", "completion"};
  }
}

}  // namespace

Columns columns_of(const JsonFields& row, RowKind kind) {
  refuse_chats(row,
               kind == RowKind::kPreference ? Names{"prompt", "chosen", "rejected"} : Names{"prompt", "completion"});
  Columns out;
  const Names own = needed(kind);
  if (present(row, own).size() == own.size()) {
    Names unread = present(row, kMore);
    std::erase_if(unread, [&](const std::string& name) { return is_empty(row.find(name)); });
    if (!unread.empty()) out.told = listed(unread) + ": not read; what belongs to the prompt has to stand in it";
    return out;
  }
  refuse_chats(row, kChats);
  Names prompts = present(row, kPrompts);
  const bool choices = row.has("choices") || row.has("options");
  const Names completions = kind == RowKind::kCompletion ? present(row, kCompletions) : Names{};
  const bool rest = kind == RowKind::kCompletion ? !completions.empty()
                    : kind == RowKind::kChoice   ? choices
                                                 : row.has("chosen");
  if (prompts.empty() && !rest)
    fail(row, "", "this row holds no example", "{\"" + listed(own, "\",\"") + "\"}", fields_of(row));
  // `input` beside `instruction` is its second half.
  if (row.has("instruction")) std::erase(prompts, "input");
  out.prompt = only(row, prompts.empty() ? kPrompts : prompts, "prompt");
  if (kind == RowKind::kCompletion) out.completion = only(row, kCompletions, "completion");
  if (kind == RowKind::kChoice && !row.has("choices") && row.has("options")) out.choices = "options";
  out.alpaca = out.prompt == "instruction" && (out.completion == "output" || row.json().contains("input"));
  if (out.prompt != "prompt" || out.completion != "completion") refuse_more(row, out);
  out.told = told_of(out, kind);
  return out;
}

std::string alpaca_prompt(const std::string& instruction, const std::string& input) {
  const std::string opening = "Below is an instruction that describes a task";
  const std::string task = "Write a response that appropriately completes the request.\n\n### Instruction:\n";
  if (input.empty()) return opening + ". " + task + instruction + "\n\n### Response:\n";
  return opening + ", paired with an input that provides further context. " + task + instruction + "\n\n### Input:\n" +
         input + "\n\n### Response:\n";
}

}  // namespace deltascape::training
