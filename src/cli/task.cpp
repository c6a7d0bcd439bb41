// Owns `deltascape task`: which variants are near a task that a few examples stand for.
#include "deltascape/task.h"

#include <algorithm>
#include <filesystem>

#include "cli/common_options.h"
#include "cli/options.h"
#include "cli/progress_bar.h"
#include "cli/store_view.h"
#include "cli/verbs.h"

namespace deltascape::cli {
namespace {

struct TaskVerb {
  TaskVerb() { options.judge = true; }
  TaskOptions options;
  StoreView view;
  std::vector<std::string> examples;
  std::size_t k = 5;
};

// As a POSIX shell takes it for one word.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string beside(const std::string& store) {
  return std::filesystem::path(store).replace_extension(".controls.db").string();
}

std::size_t shown(const TaskRanking& task, std::size_t k) {
  return k == 0 ? task.ranking.size() : std::min(k, task.ranking.size());
}

Json ranking_json(const TaskRanking& task, std::size_t k) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < shown(task, k); ++i) {
    const RankedVariant& v = task.ranking[i];
    rows.push_back({{"name", v.name},
                    {"label", v.label},
                    {"score", json_number(v.score)},
                    {"low", json_number(v.low)},
                    {"high", json_number(v.high)},
                    {"p", json_number(v.p)},
                    {"path", v.path}});
  }
  return rows;
}

// What to do next: whether the nearest variant is better at the task than the base is. Empty where nothing is near.
std::string next_command(const TaskRanking& task, const TaskOptions& options) {
  if (task.ranking.empty() || !task.ranking.front().score) return {};
  const auto given =
      std::ranges::find(options.tasks, task.name, [](const TaskExamples& examples) { return examples.name; });
  return "deltascape eval --base " + shell_word(options.base) + " --data " + shell_word(given->file) +
         " --metric loss " + shell_word(task.ranking.front().path);
}

// One task: {ranking, …}. Several: {tasks: [{name, ranking, …}], …}.
Json report_json(const TaskReport& report, const TaskVerb& verb) {
  const std::size_t k = verb.k;
  Json tasks = Json::array();
  for (const TaskRanking& task : report.tasks) {
    tasks.push_back({{"name", task.name},
                     {"examples", task.examples},
                     {"first_loss", json_number(task.first_loss)},
                     {"last_loss", json_number(task.last_loss)},
                     {"ranking", ranking_json(task, k)},
                     {"p", json_number(task.p)},
                     {"fits", task.p ? Json(task.fits()) : Json(nullptr)},
                     {"next", next_command(task, verb.options)}});
  }
  Json out = report.tasks.size() == 1 ? tasks.front() : Json{{"tasks", std::move(tasks)}};
  out["layer"] = report.layer;
  out["controls"] = report.controls;
  out["chance"] = report.chance;
  return out;
}

void print_ranking(const TaskRanking& task, std::size_t k, const Console& console) {
  using report::Align;
  report::Table table({{"name", Align::kLeft},
                       {"label", Align::kLeft},
                       {"score", Align::kRight},
                       {"low", Align::kRight},
                       {"high", Align::kRight},
                       {"p", Align::kRight},
                       {"path", Align::kLeft}});
  for (std::size_t i = 0; i < shown(task, k); ++i) {
    const RankedVariant& v = task.ranking[i];
    table.add({v.name, v.label, ratio(v.score), ratio(v.low), ratio(v.high), v.p ? number(*v.p, 2) : "-", v.path});
  }
  console.print_table(table);
}

// Whether anything fits, in words, and what to do next.
void print_verdict(const TaskRanking& task, const TaskReport& report, const TaskOptions& options,
                   const Console& console) {
  const std::string next = next_command(task, options);
  if (next.empty()) return;
  if (task.p) {
    const auto [least, most] = std::ranges::minmax(report.chance);
    console.print_line(
        (task.fits() ? task.ranking.front().name + " fits this task" : "nothing in this store fits this task") +
        ": the best cosine" + (options.calibrate ? " before calibration" : "") + " is " + ratio(task.best) +
        ", unrelated examples reach " + ratio(least) + " to " + ratio(most) + " here (p " + number(*task.p, 2) + ")");
  }
  console.print_line("next: " + next);
}

void print_report(const TaskReport& report, const TaskVerb& verb, const Console& console) {
  for (const TaskRanking& task : report.tasks) {
    if (report.tasks.size() > 1) {
      if (&task != &report.tasks.front()) console.print_line("");
      console.print_line(task.name + ": " + std::to_string(task.examples) + " examples, loss " +
                         number(task.first_loss, 3) + " -> " + number(task.last_loss, 3));
    }
    print_ranking(task, verb.k, console);
    print_verdict(task, report, verb.options, console);
  }
}

std::vector<store::Record> members_of(const StoreView& view, TaskOptions& options, const Console& console) {
  const auto store = view.open(store::Store::Mode::kRead);
  std::vector<store::Record> members = task_members(*store, view.where, view.choice, options);
  if (members.empty())
    if (const auto unmet = store->unmet(view.query())) console.note(*unmet);
  return members;
}

int run_task(TaskVerb verb, const Console& console) {
  TaskOptions& options = verb.options;
  if (options.controls_file.empty()) options.controls_file = beside(verb.view.file);
  for (const std::string& file : verb.examples)
    options.tasks.push_back({std::filesystem::path(file).stem().string(), file});

  constexpr std::size_t kMostBars = 20;
  options.bars = std::min(verb.k == 0 ? kMostBars : verb.k, kMostBars);
  const std::vector<store::Record> members = members_of(verb.view, options, console);
  TaskReport report;
  {
    ProgressBar progress(console);
    report = rank_by_task(members, options, progress);
  }
  if (console.json) console.print_json(report_json(report, verb));
  else if (console.quiet)
    for (const TaskRanking& task : report.tasks)
      for (std::size_t i = 0; i < shown(task, verb.k); ++i) console.print_line(task.ranking[i].name);
  else print_report(report, verb, console);
  return kExitDone;
}

void add_training(CLI::App& verb, TaskVerb& v) {
  TrainOptions& t = v.options.training;
  verb.add_option("--repeat", v.options.repeats,
                  "Runs per task, each with its own seed; their spread widens the error bar")
      ->check(CLI::Range(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  add_few_shot_training(verb, t);
}

void add_ranking(CLI::App& verb, TaskVerb& v) {
  verb.add_option("-k", v.k, "How many; 0 lists all")
      ->check(CLI::Range(0, 1'000'000'000))
      ->type_name("N")
      ->capture_default_str();
  v.view.add_space(verb);
  verb.add_option("--layer", v.options.layer,
                  "Of a store made with `embed --layer all`: last, N, or a fraction; left out: a third of the depth")
      ->type_name("LAYER");
  verb.add_flag(
      "--calibrate", v.options.calibrate,
      "Subtract the mean direction of finetunes on generic examples, which are trained once per base and kept");
  verb.add_flag(
          "--judge,!--no-judge", v.options.judge,
          "Say whether anything fits: the best score against those of finetunes on generic examples, trained once "
          "a base, and kept")
      ->default_str("judge");
  verb.add_option("--controls", v.options.controls_file, "Where they are kept; left out: STORE.controls.db")
      ->type_name("F.db");
  verb.add_option("--probes", v.options.probes_file, "Prompts the store was embedded with; left out: the paper's five")
      ->type_name("F");
}

}  // namespace

void add_task(CLI::App& app, Session& session) {
  CLI::App* verb = add_verb(app, session, "task", "Rank variants by a task that a few examples stand for",
                            "deltascape embed --base SmolLM2-135M --layer all adapters/*\n"
                            "  deltascape task --base SmolLM2-135M --examples few.jsonl -k 3");
  const auto options = std::make_shared<TaskVerb>();
  verb->add_option("--base", options->options.base, "HF directory, .gguf file or hub id of the store's variants")
      ->required()
      ->type_name("BASE");
  verb->add_option("--examples", options->examples,
                   "About twenty examples of a task, {\"prompt\",\"completion\"} a line; several files: several tasks")
      ->required()
      ->type_name("F.jsonl");
  options->view.add_store(*verb);
  options->view.add_where(*verb);
  add_ranking(*verb, *options);
  add_training(*verb, *options);
  add_memory(*verb, options->options.memory);
  add_threads(*verb, options->options.threads);
  verb->callback(
      [&session, options] { session.run = [&session, options] { return run_task(*options, session.console); }; });
}

}  // namespace deltascape::cli
