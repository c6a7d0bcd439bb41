// What a call that fails says.
#pragma once

#include <string>

#include "deltascape/error.h"

namespace deltascape {

template <class Function>
std::string message_of(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace deltascape
