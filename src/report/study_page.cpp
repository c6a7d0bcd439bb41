#include "report/study_page.h"

#include <algorithm>

#include "report/text.h"

namespace deltascape::report {
namespace {

// In a cell of a Markdown table.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string markdown_row(const std::vector<std::string>& cells) {
  std::string out = "|";
  for (const std::string& text : cells) out += " " + cell(text) + " |";
  return out + "\n";
}

std::string markdown_table(const PageTable& table) {
  std::string out = markdown_row(table.head) + "|";
  for (std::size_t i = 0; i < table.head.size(); ++i) out += "---|";
  out += "\n";
  for (const auto& row : table.rows) out += markdown_row(row);
  return out;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string html_table(const PageTable& table) {
  std::string out = "<div class=\"wide\"><table><thead><tr>";
  for (const std::string& title : table.head) out += "<th>" + escape_markup(title) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (const std::string& text : row) out += "<td>" + escape_markup(text) + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

// As an image and not as markup of the page: two plots' styles and ids do not meet.
std::string html_picture(const Picture& picture, const std::vector<Document>& pictures) {
  const auto found = std::ranges::find(pictures, picture.name, &Document::name);
  if (found == pictures.end()) return {};
  const std::string title = escape_markup(picture.title);
  return "<figure><img alt=\"" + title + "\" src=\"data:image/svg+xml;base64," + base64(found->content) +
         "\"></figure>\n";
}

constexpr const char* kStyle =
    "body{font:16px/1.5 system-ui,sans-serif;color:#1c2024;background:#fff;max-width:60rem;margin:2rem auto;padding:0 "
    "1rem}"
    "h1,h2,h3{line-height:1.25}figure{margin:1rem 0}img{max-width:100%;height:auto;display:block}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}"
    "th,td{padding:.2rem .7rem;border-bottom:1px solid #e2e5e9;text-align:right;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}pre{background:#f5f6f8;padding:1rem;overflow-x:auto}"
    "summary{cursor:pointer;margin:1rem 0}";

std::string html_section(const PageSection& section, const std::vector<Document>& pictures) {
  std::string out = "<h2>" + escape_markup(section.title) + "</h2>\n<p>" + escape_markup(section.text) + "</p>\n";
  for (const Picture& picture : section.pictures) out += html_picture(picture, pictures);
  for (const auto& [heading, table] : section.tables)
    out += (heading.empty() ? "" : "<h3>" + escape_markup(heading) + "</h3>\n") + html_table(table);
  if (section.more.empty()) return out;
  out += "<details><summary>Maps of the other layers</summary>\n";
  for (const Picture& picture : section.more) out += html_picture(picture, pictures);
  return out + "</details>\n";
}

std::string markdown_section(const PageSection& section) {
  std::string out = "\n## " + printable(section.title) + "\n\n" + printable(section.text) + "\n";
  for (const Picture& picture : section.pictures) out += "\n![" + picture.title + "](" + picture.name + ")\n";
  for (const auto& [heading, table] : section.tables)
    out += (heading.empty() ? "\n" : "\n### " + printable(heading) + "\n\n") + markdown_table(table);
  if (section.more.empty()) return out;
  out += "\nOther layers:";
  for (const Picture& picture : section.more) out += " [" + picture.title + "](" + picture.name + ")";
  return out + "\n";
}

}  // namespace

std::string page_markdown(const Page& page) {
  std::string out = "# " + page.title + "\n";
  for (const Picture& picture : page.pictures) out += "\n![" + picture.title + "](" + picture.name + ")\n";
  for (const PageSection& section : page.sections) out += markdown_section(section);
  return out + "\n## Configuration\n\n```json\n" + page.configuration + "\n```\n";
}

std::string page_html(const Page& page, const std::vector<Document>& pictures) {
  std::string out = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<title>" +
                    escape_markup(page.title) +
                    "</title>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>" +
                    kStyle + "</style></head><body>\n<h1>" + escape_markup(page.title) + "</h1>\n";
  for (const Picture& picture : page.pictures) out += html_picture(picture, pictures);
  for (const PageSection& section : page.sections) out += html_section(section, pictures);
  std::string configuration;
  for (std::size_t at = 0;
       at <= page.configuration.size();) {  // escape_markup() takes line ends for control characters
    const std::size_t end = std::min(page.configuration.find('\n', at), page.configuration.size());
    configuration += escape_markup(page.configuration.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return out + "<h2>Configuration</h2>\n<pre>" + configuration + "</pre>\n</body></html>\n";
}

}  // namespace deltascape::report
