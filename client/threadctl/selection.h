#ifndef THREADSTORE_CLIENT_THREADCTL_SELECTION_H_
#define THREADSTORE_CLIENT_THREADCTL_SELECTION_H_

#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/threadctl/command.h"
#include "client/threadctl/printer.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"

// The flags that say which resources, and which of their fields, a verb reads, and how what was
// read is shown.
namespace threadstore::threadctl {

// Adds `--filter` and `--order_by`; `orders` is how the latter's values are described.
void AddFilter(CLI::App* verb, std::string* filter);
void AddOrderBy(CLI::App* verb, std::string* order_by, const std::string& orders);

// Adds `--fields`, and `--expand` with the values `choices`. Both take names separated by commas.
void AddFields(CLI::App* verb, google::protobuf::FieldMask* read_mask);
void AddExpand(CLI::App* verb, google::protobuf::FieldMask* expand, const std::string& choices);

// What the notes of a verb with both flags say of them. Ends with an empty line.
inline constexpr absl::string_view kSelectionNotes =
    "With --fields a table has these fields only; --output=json has the others, too, but empty. "
    "Of\n"
    "what is expanded a table says how many there are; --output=json has all of it.\n\n";

// What a table shows of a resource that was read with these two masks: the fields asked for, or if
// none were in particular, what it shows by default; and then what is expanded.
struct Selection {
  Selection(const google::protobuf::FieldMask& read_mask,
            const google::protobuf::FieldMask& expand);

  bool has_defaults;
  std::vector<std::string> paths;
};

// The text of the field at `path`, such as `sender.email_address.name`. Empty if there is no such
// field, or it is not set.
std::string FieldText(const google::protobuf::Message& resource, absl::string_view path);

// Prints a resource as `selection` has it.
void PrintSelected(const google::protobuf::Message& resource, Properties defaults,
                   const Selection& selection, Printer& printer);

// The column's head for a path.
std::string ColumnName(absl::string_view path);

// `view` as `selection` has it.
template <typename Item>
ListView<Item> Selected(ListView<Item> view, Selection selection) {
  if (selection.has_defaults && selection.paths.empty()) return view;
  Row columns;
  if (selection.has_defaults) columns = view.columns;
  for (const std::string& path : selection.paths) columns.push_back(ColumnName(path));
  const auto row = [defaults = std::move(view.row),
                    selection = std::move(selection)](const Item& item) {
    Row cells;
    if (selection.has_defaults) cells = defaults(item);
    for (const std::string& path : selection.paths) cells.push_back(FieldText(item, path));
    return cells;
  };
  return {std::move(view.name), std::move(columns), row};
}

}  // namespace threadstore::threadctl

#endif  // THREADSTORE_CLIENT_THREADCTL_SELECTION_H_
