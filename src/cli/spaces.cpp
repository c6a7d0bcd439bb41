// `deltascape spaces`: which spaces a store's variants lie in.
#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {
namespace {

Json space_json(const store::StoredSpace& stored) {
  const store::Space& space = stored.space;
  const auto parameter = [&](const char* name) {
    return space.parameters.contains(name) ? Json(space.parameter(name)) : Json(nullptr);
  };
  return {{"id", store::short_id(stored.hash)},
          {"representation", space.representation},
          {"parameters", space.parameters},
          {"layer", parameter("layer")},
          {"position", parameter("position")},
          {"probes", parameter("probes")},
          {"base", space.base_name},
          {"base_hash", space.base},
          {"tokenizer", space.tokenizer},
          {"variants", stored.variants},
          {"layers", stored.layers},
          {"dim", stored.dim},
          {"written", stored.written},
          {"hash", stored.hash}};
}

report::Table space_table(const std::vector<store::StoredSpace>& spaces) {
  using report::Align;
  report::Table table({{"id", Align::kLeft},
                       {"representation", Align::kLeft},
                       {"layer", Align::kRight},
                       {"position", Align::kLeft},
                       {"probes", Align::kLeft},
                       {"base", Align::kLeft},
                       {"variants", Align::kRight}});
  for (const store::StoredSpace& stored : spaces) {
    const store::Space& s = stored.space;
    table.add({store::short_id(stored.hash), store::representation_of(s), s.parameter("layer"), s.parameter("position"),
               store::short_id(s.parameter("probes")), s.base.empty() ? "any" : s.base_name,
               std::to_string(stored.variants)});
  }
  return table;
}

}  // namespace

void add_spaces(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "spaces", "List the spaces that the stored variants lie in",
                            "deltascape spaces\n  deltascape near math-1 --space layer=12");
  const auto view = std::make_shared<StoreView>();
  view->add_store(*verb);
  view->add_where(*verb);
  view->add_space(*verb);
  view->add_layer(*verb);
  verb->callback([&session, view] {
    session.run = [&session, view] {
      const Console& console = session.console;
      const auto store = view->open(store::Store::Mode::kRead);
      const std::vector<store::StoredSpace> spaces = store::stored_of(view->spaces(*store, &console));
      Json rows = Json::array();
      for (const store::StoredSpace& space : spaces) rows.push_back(space_json(space));
      if (console.json) console.print_json(rows);
      else if (console.quiet)
        for (const store::StoredSpace& space : spaces) console.print_line(store::short_id(space.hash));
      else console.print_table(space_table(spaces));
      return 0;
    };
  });
}

}  // namespace deltascape::cli
