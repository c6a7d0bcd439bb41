# Owns linking Oniguruma. Its library defines POSIX's regcomp() and regexec() too, and would take the C library's place
# for everything else in the process: the C library is named before it, so that its own are found first.
pkg_check_modules(oniguruma REQUIRED IMPORTED_TARGET oniguruma)
add_library(deltascape_oniguruma INTERFACE)
target_link_libraries(deltascape_oniguruma INTERFACE -Wl,-lc PkgConfig::oniguruma)
