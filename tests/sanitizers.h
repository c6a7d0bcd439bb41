// Whether a test is built with the address sanitizer, which puts functions of its own before the C library's.
#pragma once

#if defined(__SANITIZE_ADDRESS__)  // GCC's word for it
#define DELTASCAPE_ADDRESS_SANITIZER
#elif defined(__has_feature)  // and Clang's
#if __has_feature(address_sanitizer)
#define DELTASCAPE_ADDRESS_SANITIZER
#endif
#endif
