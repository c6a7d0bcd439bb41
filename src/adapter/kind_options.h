// Owns the functions that kinds' rows name (kinds.h): options that a kind has alone, and why some are not supported.
#pragma once

#include <string>

#include "adapter/peft_config.h"

namespace deltascape::adapter {

void read_lora(const io::JsonFields& c, PeftConfig& out);
void read_adalora(const io::JsonFields& c, PeftConfig& out);
void read_trainable_tokens(const io::JsonFields& c, PeftConfig& out);
void read_hra(const io::JsonFields& c, PeftConfig& out);
void read_oft(const io::JsonFields& c, PeftConfig& out);

std::string refusal_of_lora(const io::JsonFields& c);
std::string refusal_of_adalora(const io::JsonFields& c);
std::string refusal_of_vera(const io::JsonFields& c);
std::string refusal_of_miss(const io::JsonFields& c);
std::string refusal_of_virtual_tokens(const io::JsonFields& c);

double scale_of_adalora(double alpha, double rank);

}  // namespace deltascape::adapter
