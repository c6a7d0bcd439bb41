// Owns `deltascape ls`: what a store holds.
#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {

void add_ls(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "ls", "List the stored variants", "deltascape ls --where label=math");
  const auto view = std::make_shared<StoreView>();
  view->add_store(*verb);
  view->add_where(*verb);
  verb->callback([&session, view] {
    session.run = [&session, view] {
      const Console& console = session.console;
      const std::vector<store::Record> records = view->records(&console);
      if (console.json) {
        Json rows = Json::array();
        for (const auto& record : records) rows.push_back(record_json(record));
        console.print_json({{"variants", std::move(rows)}});
      } else if (console.quiet) {
        for (const auto& record : records) console.print_line(record.name);
      } else {
        std::vector<Summary> rows;
        for (const auto& record : records) rows.push_back(summarise(record));
        console.print_table(summary_table(rows));
      }
      return 0;
    };
  });
}

}  // namespace deltascape::cli
