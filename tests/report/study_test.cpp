// Specifies what a study puts on paper, and plots of lines.
#include "deltascape/study_report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "report/line_plot.h"

namespace deltascape::report {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

store::Record member(const std::string& name, const std::string& label, std::vector<float> rows) {
  store::Record r;
  r.name = name;
  r.label = label;
  r.space = {.representation = "activations",
             .parameters = {{"layer", "all"}, {"position", "last"}, {"probes", "p"}},
             .base = "b",
             .base_name = "base",
             .tokenizer = "t"};
  r.layers = 2;
  r.dim = 2;
  r.mean = std::move(rows);
  return r;
}

StudyReport sample() {
  StudySpace space{.position = "last",
                   .pool = {member("math-1", "math", {0, 0, 1, 0}), member("math-2", "math", {0, 0, 1, 0.1F}),
                            member("law, or | so-1", "law", {0, 0, 0, 1})},
                   .layers = {},
                   .tasks = {}};
  space.layers.push_back({.layer = 0, .silhouette = {}, .plain = {}, .calibrated = StudyRetrieval{}});
  space.layers.push_back({.layer = 1,
                          .silhouette = 0.75,
                          .plain = {.top1 = 0.5, .top3 = 1, .margin = -0.02},
                          .calibrated = StudyRetrieval{.top1 = 1, .top3 = 1, .margin = 0.25}});
  space.tasks.push_back({.name = "math-task-1",
                         .domain = "math",
                         .layer = 1,
                         .calibrated = true,
                         .nearest = {{.name = "law, or | so-1", .label = "law", .score = 0.5, .low = {}, .high = {}}},
                         .margin = 0.25});
  return {.configuration = R"({"base": "tiny"})", .spaces = {space}, .trained = 3, .kept = 2};
}

std::string content(const StudyReport& report, const std::string& name) {
  for (const Document& document : study_documents(report))
    if (document.name == name) return document.content;
  ADD_FAILURE() << "no document " << name;
  return {};
}

TEST(StudyDocuments, TheJsonHoldsEveryNumber) {
  const json report = json::parse(content(sample(), "report.json"));
  EXPECT_EQ(report["configuration"]["base"], "tiny");
  EXPECT_EQ(report["trained"], 3);
  const json& layer = report["spaces"][0]["layers"][1];
  EXPECT_EQ(layer["silhouette"], 0.75);
  EXPECT_EQ(layer["calibrated"]["margin"], 0.25);
  EXPECT_TRUE(report["spaces"][0]["layers"][0]["silhouette"].is_null());
  EXPECT_EQ(report["spaces"][0]["tasks"][0]["nearest"][0]["name"], "law, or | so-1");
}

TEST(StudyDocuments, TablesKeepTheirColumnsWhateverANameHolds) {
  const std::string csv = content(sample(), "tasks.csv");
  EXPECT_THAT(csv, HasSubstr("last,math-task-1,math,1,calibrated,\"law, or | so-1\",law,0.500000,0.250000\n"));
  const std::string layers = content(sample(), "layers.csv");
  EXPECT_THAT(layers, HasSubstr("last,1,0.750000,0.500000,1.000000,-0.020000,1.000000,1.000000,0.250000\n"));
  const std::string markdown = content(sample(), "report.md");
  EXPECT_THAT(markdown, HasSubstr("| 1 | 0.750 | 0.50 | 1.00 | -0.020 | 1.00 | 1.00 | 0.250 |"));
  EXPECT_THAT(markdown, HasSubstr("law, or \\| so-1 0.500"));
}

// Every picture that the Markdown names is a document; the page holds each, and names none.
TEST(StudyDocuments, TheReportShowsItsPlots) {
  StudyReport report = sample();
  report.configuration = "{\n  \"base\": \"<tiny>\"\n}";
  const std::string markdown = content(report, "report.md"), page = content(report, "report.html");
  EXPECT_THAT(markdown, HasSubstr("![Silhouette of the domains by layer](plots/silhouette.svg)"));
  EXPECT_THAT(markdown, HasSubstr("![Few-shot margin by layer](plots/margin.svg)"));
  EXPECT_THAT(markdown, HasSubstr("![Map of layer 1](plots/map-last-001.svg)"));
  EXPECT_THAT(markdown, HasSubstr("[Map of layer 0](plots/map-last-000.svg)"));
  std::size_t linked = 0;
  for (std::size_t at = 0; (at = markdown.find("](plots/", at)) != std::string::npos; ++at) {
    ++linked;
    content(report, markdown.substr(at + 2, markdown.find(')', at) - at - 2));
  }
  EXPECT_EQ(linked, 5U);
  std::size_t shown = 0;
  for (std::size_t at = 0; (at = page.find("src=\"data:image/svg+xml;base64,PD94", at)) != std::string::npos; ++at)
    ++shown;
  for (std::size_t at = 0; (at = page.find("src=\"data:image/svg+xml;base64,PHN2", at)) != std::string::npos; ++at)
    ++shown;
  EXPECT_EQ(shown, linked);
  EXPECT_THAT(page, HasSubstr("<td>law, or | so-1 0.500</td>"));
  EXPECT_THAT(page, HasSubstr("<pre>{\n  &quot;base&quot;: &quot;&lt;tiny&gt;&quot;\n}\n</pre>"));
  EXPECT_THAT(page, Not(HasSubstr("http")));
}

TEST(StudyDocuments, AQuestionIsATableAPlotAndRows) {
  StudyReport report = sample();
  report.tables = {{.name = "pool_sizes",
                    .title = "Pools",
                    .text = "What the columns are.",
                    .columns = {"variants", "silhouette", "note"},
                    .rows = {{std::int64_t{10}, 0.25, std::string("a, b")}, {std::int64_t{40}, {}, std::string()}},
                    .drawn = {"silhouette"}},
                   {.name = "words",
                    .title = "W",
                    .text = {},
                    .columns = {"settings", "right"},
                    .rows = {{std::string("rank 2"), 1.0}},
                    .drawn = {"right"}}};
  EXPECT_EQ(content(report, "pool_sizes.csv"), "variants,silhouette,note\n10,0.250000,\"a, b\"\n40,,\n");
  const json tables = json::parse(content(report, "report.json"))["tables"];
  EXPECT_EQ(tables["pool_sizes"][0], json({{"variants", 10}, {"silhouette", 0.25}, {"note", "a, b"}}));
  EXPECT_TRUE(tables["pool_sizes"][1]["silhouette"].is_null());
  const std::string markdown = content(report, "report.md");
  EXPECT_THAT(markdown, HasSubstr("## Pools\n\nWhat the columns are.\n\n![Pools](plots/pool_sizes.svg)"));
  EXPECT_THAT(markdown, HasSubstr("| 10 | 0.250 | a, b |\n| 40 |  |  |"));
  EXPECT_THAT(markdown, Not(HasSubstr("plots/words.svg")));
  EXPECT_THAT(content(report, "plots/pool_sizes.svg"), HasSubstr(">40</text>"));  // x is the first column
}

TEST(StudyDocuments, WithoutTasksThereIsNoRetrieval) {
  StudyReport report = sample();
  report.spaces[0].tasks.clear();
  for (StudyLayer& layer : report.spaces[0].layers) layer.calibrated.reset();
  std::vector<std::string> names;
  for (const Document& document : study_documents(report)) names.push_back(document.name);
  EXPECT_THAT(names, testing::ElementsAre("report.md", "report.html", "report.json", "layers.csv",
                                          "plots/silhouette.svg", "plots/map-last-000.svg", "plots/map-last-001.svg"));
  EXPECT_THAT(content(report, "report.md"), Not(HasSubstr("top-1")));
  EXPECT_THAT(content(report, "layers.csv"), HasSubstr("last,1,0.750000,,,,,,\n"));
}

TEST(LinePlot, DrawsALineWithItsGapAndEscapesWords) {
  const std::string svg = line_plot_svg({.title = "a < b",
                                         .subtitle = {},
                                         .x_title = "layer",
                                         .y_title = "share",
                                         .lines = {{.name = "\"x\"", .values = {0.0, std::nullopt, 1.0, 0.5}}}});
  EXPECT_THAT(svg, HasSubstr("a &lt; b"));
  EXPECT_THAT(svg, Not(HasSubstr("\"x\"<")));
  // (0, 0) at the lower left corner of the frame; the line begins anew after the gap: x = 2 of 3, y = 1 at the top.
  EXPECT_THAT(svg, HasSubstr("d=\"M72.0 400.0M464.0 84.0L660.0 242.0\""));
}

TEST(LinePlot, ValuesBeyondTheRangeWidenIt) {
  const std::string svg = line_plot_svg(
      {.title = {}, .subtitle = {}, .x_title = {}, .y_title = {}, .lines = {{.name = "a", .values = {-1.0, 1.0}}}});
  EXPECT_THAT(svg, HasSubstr("d=\"M72.0 400.0L660.0 84.0\""));
  EXPECT_THAT(line_plot_svg({}), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace deltascape::report
