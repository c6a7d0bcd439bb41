// Owns `deltascape rm`: taking variants out of a store.
#include "cli/options.h"
#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {
namespace {

struct RmOptions {
  StoreView view;
  std::vector<std::string> names;
};

int remove(const RmOptions& options, const Console& console) {
  const auto store = options.view.open(store::Store::Mode::kReadWrite);
  Json removed = Json::array();
  Json failed = Json::array();
  for (const std::string& text : options.names) {
    try {
      const std::string name = find_record(*store, text).name;
      store->remove(name);
      removed.push_back(name);
      if (!console.json) console.print_line(console.quiet ? name : "removed " + name);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kNotFound) throw;
      console.failure(e.what());
      failed.push_back({{"name", text}, {"error", e.what()}});
    }
  }
  const int code = exit_code(removed.size(), failed.size());
  if (console.json) console.print_json({{"removed", removed}, {"failed", failed}});
  return code;
}

}  // namespace

void add_rm(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "rm", "Remove variants from a store", "deltascape rm math-1 code-2");
  const auto options = std::make_shared<RmOptions>();
  options->view.add_store(*verb);
  verb->add_option("NAME", options->names, "Names as `ls` lists them")->required()->type_name("");
  verb->callback(
      [&session, options] { session.run = [&session, options] { return remove(*options, session.console); }; });
}

}  // namespace deltascape::cli
