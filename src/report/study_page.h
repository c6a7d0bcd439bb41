// Owns a study's report as people read it: the same tables and plots as Markdown and as one HTML file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "deltascape/study_report.h"

namespace deltascape::report {

struct PageTable {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

struct Picture {
  std::string title, name;  // name: of its Document
};

struct PageSection {
  std::string title, text;
  std::vector<std::pair<std::string, PageTable>> tables;  // with their headings; "": none
  std::vector<Picture> pictures;
  std::vector<Picture> more;  // not shown at once
};

struct Page {
  std::string title;
  std::vector<Picture> pictures;
  std::vector<PageSection> sections;
  std::string configuration;  // JSON
};

// Pictures are links to files beside it.
std::string page_markdown(const Page& page);
// Pictures are in it: it needs no other file and no network.
std::string page_html(const Page& page, const std::vector<Document>& pictures);

}  // namespace deltascape::report
