// Answers pattern/text lines for regex-against-python.py: per line
// `PATTERN<TAB>TEXT` prints `error`, or full match and `re.match` group spans.
#include "compiler/Spec/PythonRegex.h"
#include <iostream>

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    size_t tab = line.find('\t');
    std::string pattern = line.substr(0, tab), text = line.substr(tab + 1);
    std::string error;
    auto regex = neap::PythonRegex::compile(pattern, error);
    if (!regex) {
      std::cout << "error " << error << "\n";
      continue;
    }
    std::cout << "full=" << regex->fullMatch(text) << " match=";
    if (auto groups = regex->match(text))
      std::cout << (*groups)[0].size();
    else
      std::cout << "none";
    std::cout << "\n";
  }
}
