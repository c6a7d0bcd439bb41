// Owns how exceptions of others become Errors: LibTorch's, and the standard library's.
#pragma once

#include <c10/util/Exception.h>

#include <filesystem>
#include <new>
#include <string>

#include "deltascape/error.h"

namespace deltascape::engine {

// Each public function that computes does its work in here, and nothing else translates.
template <class F>
auto translated(F&& work) {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& e) {
    throw Error(ErrorCode::kInternal, std::string("LibTorch: ") + e.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::kIo, "out of memory: give a smaller " + option("memory"));
  } catch (const std::filesystem::filesystem_error& e) {
    throw Error(ErrorCode::kIo, e.what());
  } catch (const std::exception& e) {
    throw Error(ErrorCode::kInternal, e.what());
  }
}

}  // namespace deltascape::engine
