#include "runtime/cli/command.h"
#include "runtime/cli/interrupts.h"

int main(int argc, char** argv) {
  concord::cli::StartInterrupts();
  return concord::cli::ConcordCts({argv + (argc > 0 ? 1 : 0), argv + argc});
}
