// Owns the signals that would end the program without a word.
#pragma once

namespace deltascape::cli {

// A mapped file that another process cuts off while it is read (SIGBUS) becomes one line on stderr that names it, and
// exit 1. A limit on the size of files (SIGXFSZ) becomes an error of the write.
void install_signal_handlers();

}  // namespace deltascape::cli
