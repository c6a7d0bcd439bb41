// Owns `deltascape help [VERB]`, and what is said of a verb that does not exist.
#include "cli/help.h"

#include <iostream>
#include <memory>

#include "cli/options.h"
#include "cli/verbs.h"
#include "core/closest.h"

namespace deltascape::cli {

std::string unknown_verb(const CLI::App& app, const std::string& typed) {
  std::vector<std::string> verbs;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(verb->get_name());
  const std::string meant = closest(typed, verbs);
  return "unknown command or option '" + typed + "'" + (meant.empty() ? "" : "; did you mean " + meant + "?") +
         " (see deltascape " + (meant.empty() ? "" : meant + " ") + "--help)";
}

namespace {

const CLI::App* verb_called(const CLI::App& app, const std::string& name) {
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    if (verb->get_name() == name) return verb;
  return nullptr;
}

}  // namespace

void add_help(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "help", "List the verbs, or show a verb's options and an example",
                            "deltascape help embed");
  const auto typed = std::make_shared<std::string>();
  verb->add_option("VERB", *typed, "Left out: the list of verbs")->type_name("");
  verb->callback([&app, &session, typed] {
    session.run = [&app, typed] {
      const CLI::App* about = typed->empty() ? &app : verb_called(app, *typed);
      if (about == nullptr) throw Error(ErrorCode::kUsage, unknown_verb(app, *typed));
      const std::string name = app.get_name() + (typed->empty() ? "" : " " + *typed);
      std::cout << app.get_formatter()->make_help(about, name, CLI::AppFormatMode::Normal);
      return kExitDone;
    };
  });
}

}  // namespace deltascape::cli
