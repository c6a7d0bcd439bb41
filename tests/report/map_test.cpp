// Specifies the map: what it holds, and that nothing a file is called gets out of its place in the page.
#include "deltascape/map.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "deltascape/error.h"
#include "report/page.h"

namespace deltascape::report {
namespace {

using testing::HasSubstr;
using testing::Not;

const char* const kHostile[] = {"</script><script>alert(1)",
                                "<!--<script>",
                                "\"><img src=x onerror=alert(1)>",
                                "{{SCRIPT}}",
                                "\xff\xfe\x01",
                                "a\u2028b",
                                "]]>&amp;",
                                "__proto__"};

store::Record record(const std::string& name, const std::string& label, std::vector<float> values) {
  store::Record r;
  r.name = name;
  r.label = label;
  r.path = "adapters/" + name;
  r.space = {.representation = "activations",
             .parameters = {{"layer", "last"}, {"position", "last"}, {"probes", "p"}},
             .base = "b",
             .base_name = "tiny",
             .tokenizer = "t"};
  r.dim = static_cast<std::int64_t>(values.size());
  r.mean = std::move(values);
  r.no_effect = std::all_of(r.mean.begin(), r.mean.end(), [](float v) { return v == 0; });
  r.norm = 1.25;
  return r;
}

std::vector<store::Record> pool() {
  return {record("law-1", "law", {1, 0.1f, 0}),   record("law-2", "law", {1, 0, 0.1f}),
          record("math-1", "math", {0, 1, 0.1f}), record("math-2", "math", {0.1f, 1, 0}),
          record("empty", "", {0, 0, 0}),         record("other", "", {-1, -1, 1})};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// The JSON between its tags, as a browser finds it: up to the first "</script".
nlohmann::json data_of(const std::string& html) {
  const std::size_t tag = html.find("id=\"data\"");
  const std::size_t start = html.find('>', tag) + 1;
  return nlohmann::json::parse(html.substr(start, html.find("</script", start) - start));
}

TEST(MakeMap, GathersNeighboursSilhouetteAndWhatItShows) {
  const MapData map = make_map(pool());
  EXPECT_EQ(map.title, "Landscape of tiny");
  EXPECT_EQ(map.representation, "activations, layer last, last token");
  EXPECT_EQ(map.projection, "t-SNE, perplexity 1.67, cosine");
  ASSERT_TRUE(map.silhouette);
  EXPECT_GT(*map.silhouette, 0.8);
  ASSERT_EQ(map.points.size(), 6u);
  EXPECT_EQ(map.points[map.points[0].neighbours.at(0).index].name, "law-2");
  EXPECT_NEAR(map.points[0].neighbours[0].cosine, 1 / 1.01, 1e-7);
  EXPECT_EQ(map.points[0].neighbours.size(), 4u);  // not itself, not the one without effect
  EXPECT_TRUE(map.points[4].no_effect);
  EXPECT_TRUE(map.points[4].neighbours.empty());
  EXPECT_EQ(make_map(pool(), {.title = "Mine", .neighbours = 2}).points[0].neighbours.size(), 2u);
  EXPECT_EQ(make_map(pool(), {.title = "Mine"}).title, "Mine");
}

TEST(MakeMap, SaysWhyThereIsNone) {
  EXPECT_THROW(make_map({}), Error);
  std::vector<store::Record> mixed = pool();
  mixed[3].space.base = "another";
  EXPECT_THROW(make_map(mixed), Error);
}

TEST(MapHtml, HoldsEveryModelAndReachesForNothing) {
  const std::string html = map_html(make_map(pool()));
  const nlohmann::json data = data_of(html);
  ASSERT_EQ(data["models"].size(), 6u);
  EXPECT_EQ(data["models"][0]["name"], "law-1");
  EXPECT_EQ(data["models"][0]["near"][0][0], 1);
  EXPECT_EQ(data["models"][0]["norm"], 1.25);
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  for (const char* reach : {"http://", "https://", "src=", "@import", "url(", "eval(", "innerHTML", "{{"})
    EXPECT_THAT(html, Not(HasSubstr(reach))) << reach;
}

TEST(MapHtml, IsSmall) {
  MapData one;
  one.points.resize(1);
  EXPECT_LT(map_html(one).size(), 40u * 1024);
}

TEST(MapHtml, HostileNamesStayText) {
  std::vector<store::Record> records = pool();
  for (const char* name : kHostile) records.push_back(record(name, name, {1, 1, static_cast<float>(records.size())}));
  MapOptions options;
  options.title = kHostile[0];
  const MapData map = make_map(records, options);
  const std::string html = map_html(map);
  EXPECT_EQ(count(html, "<script"), 2u);  // the data and the program
  EXPECT_EQ(count(html, "</script"), 2u);
  EXPECT_EQ(count(html, "<img"), 0u);
  EXPECT_EQ(count(html, "<!--"), 0u);
  EXPECT_THAT(html, HasSubstr("<title>&lt;/script&gt;&lt;script&gt;alert(1)</title>"));
  const nlohmann::json data = data_of(html);
  EXPECT_EQ(data["title"], kHostile[0]);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(data["models"][6 + i]["name"], kHostile[i]);
  EXPECT_EQ(data["models"][10]["name"], "\uFFFD\uFFFD\uFFFD");
}

TEST(MapSvg, HostileNamesStayText) {
  std::vector<store::Record> records = pool();
  for (const char* name : kHostile) records.push_back(record(name, name, {1, 1, static_cast<float>(records.size())}));
  const std::string svg = map_svg(make_map(records));
  for (const char* tag : {"<script", "<img", "<!--", "]]>", "onerror=alert(1)>"}) EXPECT_THAT(svg, Not(HasSubstr(tag)));
  EXPECT_THAT(svg, HasSubstr("&lt;/script&gt;&lt;script&gt;alert(1)"));
  for (const char c : svg) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

TEST(MapSvg, HasAMarkAModelAndALegendLineALabel) {
  const std::string svg = map_svg(make_map(pool()));
  EXPECT_EQ(count(svg, "<circle"), 6u + 3u);  // law, math, no label
  EXPECT_THAT(svg, HasSubstr(">law-1</text>"));
  EXPECT_THAT(svg, HasSubstr(">no label</text>"));
  EXPECT_THAT(svg, HasSubstr("silhouette 0."));
  EXPECT_THAT(svg, testing::EndsWith("</svg>\n"));
}

TEST(Map, ColoursByClustersWhereThereAreNoLabelsOrTheyAreAskedFor) {
  std::vector<store::Record> records = pool();
  try {
    make_map(records, {.colour = MapColour::kCluster});
    ADD_FAILURE() << "no clusters are kept";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("run `deltascape cluster` first"));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    records[i].cluster = i / 2;
    records[i].cluster_name = i < 2 ? "law-1" : "math-1";
  }
  EXPECT_EQ(make_map(records).colour, MapColour::kLabel);
  const MapData map = make_map(records, {.colour = MapColour::kCluster});
  EXPECT_EQ(map.points[1].group, "law-1");
  EXPECT_EQ(map.points[5].group, "");
  const nlohmann::json data = data_of(map_html(map));
  EXPECT_EQ(data["colour"], "cluster");
  EXPECT_EQ(data["models"][1]["group"], "law-1");
  EXPECT_EQ(data["models"][1]["label"], "law");
  EXPECT_TRUE(data["models"][1]["relative"].is_null());  // not known
  EXPECT_THAT(map_svg(map), HasSubstr(">no cluster</text>"));
  for (store::Record& r : records) r.label.clear();
  EXPECT_EQ(make_map(records).colour, MapColour::kCluster);
}

TEST(Map, OneAndTwoModelsWork) {
  const store::Record a = record("a", "", {1, 2}), b = record("b", "", {2, -1});
  EXPECT_THAT(map_svg(make_map({a})), HasSubstr("1 variant "));
  EXPECT_EQ(data_of(map_html(make_map({a, b})))["models"].size(), 2u);
}

TEST(Page, TheProgramHoldsThePageAsItIsWritten) {
  const char* root = std::getenv("DELTASCAPE_SOURCE_DIR");
  ASSERT_NE(root, nullptr) << "set DELTASCAPE_SOURCE_DIR to the checkout (ctest does)";
  const auto read = [&](const char* name) {
    std::ifstream in(std::filesystem::path(root) / "src/report/page" / name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  };
  EXPECT_EQ(embedded::kMap_html, read("map.html"));
  EXPECT_EQ(embedded::kMap_css, read("map.css"));
  EXPECT_EQ(embedded::kChart_js, read("chart.js"));
  EXPECT_EQ(embedded::kPanel_js, read("panel.js"));
  EXPECT_EQ(embedded::kPalette_js, read("palette.js"));
  EXPECT_EQ(embedded::kMap_js, read("map.js"));
}

TEST(Map, FilesAreWrittenByTheirEnding) {
  const MapData data = make_map(pool());
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  for (const auto& [name, text] :
       {std::pair{"deltascape_map_test.svg", map_svg(data)}, std::pair{"deltascape_map_test.html", map_html(data)}}) {
    write_map(data, folder / name);
    std::stringstream written;
    written << std::ifstream(folder / name).rdbuf();
    EXPECT_EQ(written.str(), text);
    std::filesystem::remove(folder / name);
  }
  EXPECT_THROW(check_map_file("map.png"), Error);
  EXPECT_THROW(write_map(data, folder / "map"), Error);
  EXPECT_EQ(map_colour("cluster"), MapColour::kCluster);
  EXPECT_THROW(map_colour("size"), Error);
}

TEST(Map, NamesTheBasesOfASpaceThatSeveralShare) {
  std::vector<store::Record> records = pool();
  EXPECT_EQ(make_map(records).points[0].base, "");
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].space.base.clear();
    records[i].space.base_name = i % 2 ? "/models/two.gguf" : "org/one";
  }
  const MapData map = make_map(records);
  EXPECT_EQ(map.title, "Landscape of org/one, two");
  EXPECT_EQ(map.points[0].base, "org/one");
  EXPECT_EQ(map.points[1].base, "two");
}

}  // namespace
}  // namespace deltascape::report
