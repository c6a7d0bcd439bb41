// Owns the names of the page's files inside the program (src/report/page/, embedded by cmake/EmbedFiles.cmake).
#pragma once

#include <string_view>

namespace deltascape::embedded {

extern const std::string_view kMap_html, kMap_css, kPalette_js, kChart_js, kPanel_js, kMap_js;

}  // namespace deltascape::embedded
