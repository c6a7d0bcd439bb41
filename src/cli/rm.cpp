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

// The one variant that `text` stands for, among those that may be meant.
std::string variant_of(const store::Store& store, const std::string& text, const std::set<std::string>* among) {
  std::vector<std::string> names;
  for (const store::Found& variant : store.find(text)) {
    // What is removed is named in full: a script that removes twice must not take another variant the second time.
    if (variant.by_ending)
      throw Error(ErrorCode::kNotFound, "no variant is called \"" + one_line(text, 60) + "\"; did you mean \"" +
                                            one_line(variant.name, 60) + "\"?");
    if (!among || among->contains(variant.name)) names.push_back(variant.name);
  }
  if (names.empty() && !among) return store.resolve(text);  // says what is near
  if (names.empty())
    throw Error(ErrorCode::kNotFound, "no variant matching --where is called \"" + one_line(text, 60) + "\"");
  if (names.size() > 1)
    throw Error(ErrorCode::kUsage, "\"" + one_line(text, 60) + "\" stands for several variants: give one of the names",
                {.path = "", .field = "", .expected = "", .found = listed(names)});
  return names.front();
}

int remove(const RmOptions& options, const Console& console) {
  const bool everywhere = options.view.all();
  if (options.names.empty() && everywhere)
    throw Error(ErrorCode::kUsage, "give the NAMEs to remove, --where FIELD=VALUE or --space ID");
  const auto store = options.view.open(store::Store::Mode::kReadWrite);
  const std::optional<store::Query> query = everywhere ? store::Query() : options.view.chosen(*store, nullptr);
  if (!query) throw Error(ErrorCode::kNotFound, store->unmet(options.view.query()).value_or("nothing to remove"));
  std::set<std::string> among;
  if (!everywhere)
    for (std::string& name : store->names(*query)) among.insert(std::move(name));
  std::vector<std::string> removed;
  Json failed = Json::array();
  if (options.names.empty()) removed.assign(among.begin(), among.end());
  for (const std::string& text : options.names) {
    try {
      const std::string name = variant_of(*store, text, everywhere ? nullptr : &among);
      if (std::find(removed.begin(), removed.end(), name) == removed.end()) removed.push_back(name);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kNotFound) throw;
      console.failure(e.what());
      failed.push_back({{"name", text}, {"error", e.what()}});
    }
  }
  std::vector<store::Query> which;
  if (options.names.empty()) which.push_back(*query);
  else
    for (const std::string& name : removed) which.push_back(query->of(name));
  store->remove(which);
  const int code = exit_code(removed.size(), failed.size());
  if (console.json) console.print_json({{"removed", removed}, {"failed", failed}});
  else
    for (const std::string& name : removed) console.print_line(console.quiet ? name : "removed " + name);
  return code;
}

}  // namespace

void add_rm(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "rm", "Remove variants from a store",
                            "deltascape rm math-1 code-2\n  deltascape rm --space layer=all");
  const auto options = std::make_shared<RmOptions>();
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  options->view.add_space(*verb);
  verb->add_option(
          "NAME", options->names,
          "Names as `ls` lists them, or paths; left out: all that --where or --space let through. Without these a "
          "variant goes from every space")
      ->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return remove(*options, session.console); }; });
}

}  // namespace deltascape::cli
