// Owns `deltascape ls`: what a store holds.
#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {

void add_ls(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "ls", "List the stored variants", "deltascape ls --where label=math");
  const auto view = std::make_shared<StoreView>();
  view->add_store(*verb);
  view->add_where(*verb);
  view->add_space(*verb);
  view->add_layer(*verb);
  verb->callback([&session, view] {
    session.run = [&session, view] {
      const Console& console = session.console;
      const auto store = view->open(store::Store::Mode::kRead);
      const std::optional<store::Query> query = view->all() ? store::Query() : view->chosen(*store, &console);
      Json json = Json::array();
      std::vector<Summary> rows;
      const auto keep = [&](const store::Record& record) {
        if (console.json) json.push_back(record_json(record));
        else rows.push_back(summarise(record));
      };
      if (query && console.quiet && !console.json)
        for (const std::string& name : store->names(*query)) console.print_line(name);
      else if (query) store->read(*query, store::Numbers::kNone, keep);
      if (console.json) console.print_json({{"variants", std::move(json)}});
      else if (!console.quiet) console.print_table(summary_table(rows));
      return 0;
    };
  });
}

}  // namespace deltascape::cli
