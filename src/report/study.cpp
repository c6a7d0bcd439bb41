#include "deltascape/study_report.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "deltascape/map.h"
#include "deltascape/task.h"
#include "io/file.h"
#include "report/line_plot.h"
#include "report/study_page.h"
#include "report/study_table.h"
#include "report/text.h"

namespace deltascape::report {
namespace {

using Json = nlohmann::ordered_json;

Json number_or_null(std::optional<double> value) { return value ? Json(*value) : Json(nullptr); }

Json retrieval_json(const StudyRetrieval& r) {
  return {{"top1", r.top1}, {"top3", r.top3}, {"margin", number_or_null(r.margin)}};
}

Json layer_json(const StudyLayer& layer) {
  return {{"layer", layer.layer},
          {"silhouette", number_or_null(layer.silhouette)},
          {"plain", retrieval_json(layer.plain)},
          {"calibrated", layer.calibrated ? retrieval_json(*layer.calibrated) : Json(nullptr)}};
}

Json task_json(const StudyTask& task) {
  Json nearest = Json::array();
  for (const RankedVariant& v : task.nearest)
    nearest.push_back({{"name", v.name},
                       {"label", v.label},
                       {"score", number_or_null(v.score)},
                       {"low", number_or_null(v.low)},
                       {"high", number_or_null(v.high)}});
  return {{"name", task.name},
          {"domain", task.domain},
          {"layer", task.layer},
          {"calibrated", task.calibrated},
          {"margin", number_or_null(task.margin)},
          {"nearest", std::move(nearest)}};
}

std::string decimals(std::optional<double> value, int digits = 3) {
  return value ? report::decimals(*value, digits) : "";
}

bool has_tasks(const StudySpace& space) { return !space.tasks.empty(); }
bool is_calibrated(const StudySpace& space) { return !space.layers.empty() && space.layers.front().calibrated; }

PageTable layer_table(const StudySpace& space) {
  PageTable out{.head = {"layer", "silhouette"}, .rows = {}};
  const auto columns = [&](const std::string& how) {
    for (const char* title : {" top-1", "top-3", "margin"}) out.head.push_back(*title == ' ' ? how + title : title);
  };
  if (has_tasks(space)) columns("plain");
  if (is_calibrated(space)) columns("calibrated");
  for (const StudyLayer& layer : space.layers) {
    std::vector<std::string> row = {std::to_string(layer.layer), decimals(layer.silhouette)};
    const auto cells = [&](const StudyRetrieval& r) {
      row.insert(row.end(), {decimals(r.top1, 2), decimals(r.top3, 2), decimals(r.margin)});
    };
    if (has_tasks(space)) cells(layer.plain);
    if (layer.calibrated) cells(*layer.calibrated);
    out.rows.push_back(std::move(row));
  }
  return out;
}

PageTable task_table(const StudySpace& space, std::int64_t at) {
  PageTable out{.head = {"task", "domain", "ranking", "nearest", "second", "third", "margin"}, .rows = {}};
  for (const StudyTask& task : space.tasks) {
    if (task.layer != at) continue;
    std::vector<std::string> row = {task.name, task.domain, task.calibrated ? "calibrated" : "plain"};
    for (std::size_t i = 0; i < 3; ++i)
      row.push_back(i < task.nearest.size() ? task.nearest[i].name + " " + decimals(task.nearest[i].score) : "");
    row.push_back(decimals(task.margin));
    out.rows.push_back(std::move(row));
  }
  return out;
}

PageTable representation_table(const StudyReport& report) {
  PageTable out{.head = {"representation", "silhouette", "top-1", "top-3", "margin", "seconds"}, .rows = {}};
  for (const StudyRepresentation& r : report.representations) {
    if (!r.error.empty()) {
      out.rows.push_back({r.name, r.error, "", "", "", ""});
      continue;
    }
    const bool tasks = !r.tasks.empty();
    out.rows.push_back({r.name, decimals(r.silhouette), tasks ? decimals(r.retrieval.top1, 2) : "",
                        tasks ? decimals(r.retrieval.top3, 2) : "", decimals(r.retrieval.margin),
                        decimals(r.seconds, 1)});
  }
  return out;
}

PageSection representation_section(const StudyReport& report) {
  return {.title = "Representations",
          .text =
              "The same finetunes and tasks in each representation (arXiv 2509.04442, table 2); activations are "
              "those of the last token after the final norm. Seconds: to measure all of them.",
          .tables = {{"", representation_table(report)}},
          .pictures = {},
          .more = {}};
}

std::string representations_csv(const StudyReport& report) {
  std::string out = "representation,silhouette,top1,top3,margin,seconds,error\n";
  for (const StudyRepresentation& r : report.representations) {
    const bool tasks = !r.tasks.empty();
    out += csv_field(r.name) + "," + decimals(r.silhouette, 6) + "," + (tasks ? decimals(r.retrieval.top1, 6) : "") +
           "," + (tasks ? decimals(r.retrieval.top3, 6) : "") + "," + decimals(r.retrieval.margin, 6) + "," +
           decimals(r.seconds, 1) + "," + csv_field(r.error) + "\n";
  }
  return out;
}

Json representation_json(const StudyRepresentation& r) {
  Json tasks = Json::array();
  for (const StudyTask& task : r.tasks) tasks.push_back(task_json(task));
  return {{"name", r.name},
          {"silhouette", number_or_null(r.silhouette)},
          {"retrieval", r.tasks.empty() ? Json(nullptr) : retrieval_json(r.retrieval)},
          {"seconds", number_or_null(r.seconds)},
          {"error", r.error.empty() ? Json(nullptr) : Json(r.error)},
          {"tasks", std::move(tasks)}};
}

// "plots/map-last-010.svg".
std::string map_name(const StudySpace& space, std::int64_t layer) {
  std::string number = std::to_string(layer);
  number.insert(0, number.size() < 3 ? 3 - number.size() : 0, '0');
  return "plots/map-" + space.position + "-" + number + ".svg";
}

PageSection section_of(const StudySpace& space) {
  const std::int64_t usual = usual_task_layer(static_cast<std::int64_t>(space.layers.size()) - 1);
  PageSection out{.title = "Position " + space.position,
                  .text = std::to_string(space.pool.size()) +
                          " finetunes. Silhouette: cosine distance, classes are the domains. Retrieval: the share of "
                          "few-shot tasks with a finetune of their domain among the nearest one or three; margin: best "
                          "cosine of the own domain minus the best of the others, mean over tasks.",
                  .tables = {{"", layer_table(space)}},
                  .pictures = {},
                  .more = {}};
  if (has_tasks(space))
    out.tables.emplace_back("Every task at layer " + std::to_string(usual) + ", where `task` looks",
                            task_table(space, usual));
  for (const StudyLayer& layer : space.layers) {
    const std::string title = "Map of layer " + std::to_string(layer.layer);
    (layer.layer == usual ? out.pictures : out.more).push_back({title, map_name(space, layer.layer)});
  }
  return out;
}

// What report.md and report.html show.
Page page_of(const StudyReport& report) {
  Page page{.title = "Study",
            .pictures = {{"Silhouette of the domains by layer", "plots/silhouette.svg"}},
            .sections = {},
            .configuration = report.configuration};
  if (!report.spaces.empty() && has_tasks(report.spaces.front())) {
    page.pictures.push_back({"Few-shot retrieval by layer", "plots/retrieval.svg"});
    page.pictures.push_back({"Few-shot margin by layer", "plots/margin.svg"});
  }
  if (!report.representations.empty()) page.sections.push_back(representation_section(report));
  for (const StudyTable& table : report.tables) page.sections.push_back(question_section(table));
  for (const StudySpace& space : report.spaces) page.sections.push_back(section_of(space));
  return page;
}

std::string layers_csv(const StudyReport& report) {
  std::string out =
      "position,layer,silhouette,plain_top1,plain_top3,plain_margin,calibrated_top1,calibrated_top3,calibrated_margin"
      "\n";
  for (const StudySpace& space : report.spaces)
    for (const StudyLayer& layer : space.layers) {
      out += space.position + "," + std::to_string(layer.layer) + "," + decimals(layer.silhouette, 6);
      const auto cells = [&](const std::optional<StudyRetrieval>& r) {
        out += r ? "," + decimals(r->top1, 6) + "," + decimals(r->top3, 6) + "," + decimals(r->margin, 6) : ",,,";
      };
      cells(has_tasks(space) ? std::optional(layer.plain) : std::nullopt);
      cells(layer.calibrated);
      out += "\n";
    }
  return out;
}

std::string tasks_csv(const StudyReport& report) {
  std::string out = "position,task,domain,layer,ranking,nearest,nearest_domain,score,margin\n";
  for (const StudySpace& space : report.spaces)
    for (const StudyTask& task : space.tasks) {
      const RankedVariant nearest = task.nearest.empty() ? RankedVariant{} : task.nearest.front();
      out += space.position + "," + csv_field(task.name) + "," + csv_field(task.domain) + "," +
             std::to_string(task.layer) + "," + (task.calibrated ? "calibrated," : "plain,") + csv_field(nearest.name) +
             "," + csv_field(nearest.label) + "," + decimals(nearest.score, 6) + "," + decimals(task.margin, 6) + "\n";
    }
  return out;
}

template <class Value>
Line line_of(const StudySpace& space, const std::string& name, Value&& value) {
  Line out{.name = name, .values = {}};
  for (const StudyLayer& layer : space.layers) out.values.push_back(value(layer));
  return out;
}

LinePlot layer_plot(const StudyReport& report, const std::string& title, const std::string& y_title) {
  const std::size_t pool = report.spaces.empty() ? 0 : report.spaces.front().pool.size();
  return {.title = title,
          .subtitle = std::to_string(pool) + " finetunes",
          .x_title = "layer (0: the embeddings)",
          .y_title = y_title,
          .lines = {}};
}

std::string silhouette_plot(const StudyReport& report) {
  LinePlot plot = layer_plot(report, "Silhouette of the domains by layer", "silhouette");
  for (const StudySpace& space : report.spaces)
    plot.lines.push_back(
        line_of(space, "position " + space.position, [](const StudyLayer& layer) { return layer.silhouette; }));
  return line_plot_svg(plot);
}

std::string retrieval_plot(const StudyReport& report) {
  LinePlot plot = layer_plot(report, "Few-shot retrieval by layer", "share of tasks");
  for (const StudySpace& space : report.spaces) {
    using Pick = double StudyRetrieval::*;
    for (const auto& [words, pick] :
         {std::pair<const char*, Pick>{"top-1", &StudyRetrieval::top1}, {"top-3", &StudyRetrieval::top3}}) {
      const std::string name = std::string(words) + ", " + space.position;
      const Pick member = pick;
      plot.lines.push_back(
          line_of(space, name + " plain", [&](const StudyLayer& layer) { return std::optional(layer.plain.*member); }));
      if (is_calibrated(space))
        plot.lines.push_back(line_of(space, name + " calibrated", [&](const StudyLayer& layer) {
          return std::optional((*layer.calibrated).*member);
        }));
    }
  }
  return line_plot_svg(plot);
}

std::string margin_plot(const StudyReport& report) {
  LinePlot plot = layer_plot(report, "Few-shot margin by layer", "cosine, own domain minus others");
  plot.high = 0.1;
  for (const StudySpace& space : report.spaces) {
    plot.lines.push_back(
        line_of(space, space.position + " plain", [](const StudyLayer& layer) { return layer.plain.margin; }));
    if (is_calibrated(space))
      plot.lines.push_back(line_of(space, space.position + " calibrated",
                                   [](const StudyLayer& layer) { return layer.calibrated->margin; }));
  }
  return line_plot_svg(plot);
}

void add_maps(const StudySpace& space, std::vector<Document>& out) {
  for (const StudyLayer& layer : space.layers) {
    MapOptions options;
    options.projection.row = layer.layer;
    options.title = "Layer " + std::to_string(layer.layer) + " of " + std::to_string(space.layers.size() - 1);
    out.push_back({map_name(space, layer.layer), map_svg(make_map(space.pool, options))});
  }
}

}  // namespace

std::string study_json(const StudyReport& report) {
  Json spaces = Json::array(), representations = Json::array();
  for (const StudyRepresentation& r : report.representations) representations.push_back(representation_json(r));
  for (const StudySpace& space : report.spaces) {
    Json layers = Json::array(), tasks = Json::array();
    for (const StudyLayer& layer : space.layers) layers.push_back(layer_json(layer));
    for (const StudyTask& task : space.tasks) tasks.push_back(task_json(task));
    spaces.push_back({{"position", space.position}, {"layers", std::move(layers)}, {"tasks", std::move(tasks)}});
  }
  Json tables = Json::object();
  for (const StudyTable& table : report.tables) tables[table.name] = json_of(table);
  const Json out = {{"configuration", Json::parse(report.configuration)},
                    {"trained", report.trained},
                    {"kept", report.kept},
                    {"representations", std::move(representations)},
                    {"tables", std::move(tables)},
                    {"spaces", std::move(spaces)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<Document> study_documents(const StudyReport& report) {
  std::vector<Document> plots = {{"plots/silhouette.svg", silhouette_plot(report)}};
  const bool tasks = !report.spaces.empty() && has_tasks(report.spaces.front());
  if (tasks) {
    plots.push_back({"plots/retrieval.svg", retrieval_plot(report)});
    plots.push_back({"plots/margin.svg", margin_plot(report)});
  }
  for (const StudyTable& table : report.tables)
    if (auto plot = plot_of(table)) plots.push_back(std::move(*plot));
  for (const StudySpace& space : report.spaces) add_maps(space, plots);
  const Page page = page_of(report);
  std::vector<Document> out = {{"report.md", page_markdown(page)},
                               {"report.html", page_html(page, plots)},
                               {"report.json", study_json(report) + "\n"},
                               {"layers.csv", layers_csv(report)}};
  if (tasks) out.push_back({"tasks.csv", tasks_csv(report)});
  if (!report.representations.empty()) out.push_back({"representations.csv", representations_csv(report)});
  for (const StudyTable& table : report.tables) out.push_back({table.name + ".csv", csv_of(table)});
  out.insert(out.end(), plots.begin(), plots.end());
  return out;
}

std::vector<std::string> write_study(const StudyReport& report, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder / "plots");
  std::vector<std::string> names;
  for (const Document& document : study_documents(report)) {
    io::write_file_atomically(folder / document.name, std::string_view(document.content));
    names.push_back(document.name);
  }
  return names;
}

}  // namespace deltascape::report
