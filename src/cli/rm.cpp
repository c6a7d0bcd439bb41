// Owns `deltascape rm`: taking variants out of a store.
#include <algorithm>
#include <set>

#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"
#include "core/text.h"

namespace deltascape::cli {
namespace {

struct RmOptions {
  StoreView view;
  std::vector<std::string> names;
};

// The one row that `text` stands for. What a path stands for may be several, of other layers or positions: a wrong
// guess would cost one of them.
std::string row_of(const store::Store& store, const std::string& text, const std::set<std::string>* among) {
  std::vector<std::string> names;
  for (const store::Found& row : store.find(text))
    if (!among || among->contains(row.name)) names.push_back(row.name);
  if (names.empty() && !among) return store.get(text).name;  // says what is near
  if (names.empty())
    throw Error(ErrorCode::kNotFound, "no variant that --where lets through is called \"" + one_line(text, 60) + "\"");
  if (names.size() > 1)
    throw Error(ErrorCode::kUsage,
                "\"" + one_line(text, 60) + "\" stands for several rows: give one of the names, or --where",
                {.path = "", .field = "", .expected = "", .found = listed(names)});
  return names.front();
}

int remove(const RmOptions& options, const Console& console) {
  if (options.names.empty() && options.view.where.empty())
    throw Error(ErrorCode::kUsage, "give the NAMEs to remove, or --where FIELD=VALUE");
  const auto store = options.view.open(store::Store::Mode::kReadWrite);
  std::set<std::string> among;
  if (!options.view.where.empty()) {
    std::vector<store::Record> records = store->facts();
    if (const auto none = keep_where(records, options.view.where)) throw Error(ErrorCode::kNotFound, *none);
    for (const store::Record& record : records) among.insert(record.name);
  }
  std::vector<std::string> removed;
  Json failed = Json::array();
  if (options.names.empty()) removed.assign(among.begin(), among.end());
  for (const std::string& text : options.names) {
    try {
      const std::string name = row_of(*store, text, options.view.where.empty() ? nullptr : &among);
      if (std::find(removed.begin(), removed.end(), name) == removed.end()) removed.push_back(name);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kNotFound) throw;
      console.failure(e.what());
      failed.push_back({{"name", text}, {"error", e.what()}});
    }
  }
  store->remove_all(removed);
  const int code = exit_code(removed.size(), failed.size());
  if (console.json) console.print_json({{"removed", removed}, {"failed", failed}});
  else
    for (const std::string& name : removed) console.print_line(console.quiet ? name : "removed " + name);
  return code;
}

}  // namespace

void add_rm(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "rm", "Remove variants from a store",
                            "deltascape rm math-1 code-2\n  deltascape rm --where layer=all");
  const auto options = std::make_shared<RmOptions>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  verb->add_option("NAME", options->names,
                   "Names as `ls` lists them, or paths; with --where alone: all it lets through")
      ->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return remove(*options, session.console); }; });
}

}  // namespace deltascape::cli
