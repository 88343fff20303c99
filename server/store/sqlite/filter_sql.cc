#include "server/store/sqlite/filter_sql.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/domain/limits.h"

namespace threadstore::sqlite {
namespace {

using Comparison = FilterNode::Comparison;
using Kind = FilterNode::Kind;

// Constants, as they may stand for any condition.
constexpr absl::string_view kTrue = "(1)";
constexpr absl::string_view kFalse = "(0)";

absl::string_view OperatorOf(Comparison comparison, bool is_nullable) {
  switch (comparison) {
    case Comparison::kEqual:
      return is_nullable ? " IS " : " = ";
    case Comparison::kNotEqual:
      return is_nullable ? " IS NOT " : " <> ";
    case Comparison::kLess:
      return " < ";
    case Comparison::kLessOrEqual:
      return " <= ";
    case Comparison::kGreater:
      return " > ";
    case Comparison::kGreaterOrEqual:
      return " >= ";
  }
  return "";
}

absl::string_view FunctionOf(Kind kind) {
  if (kind == Kind::kStartsWith) return "text_starts_with";
  return kind == Kind::kEndsWith ? "text_ends_with" : "text_contains";
}

// A filter as it is written down: no condition is NULL, so what negates a whole negates its parts,
// and conditions joined by the same word are one chain.
struct Condition {
  const FilterNode* leaf = nullptr;  // Nothing of a chain.
  bool is_negated = false;           // Of a leaf.
  Kind word = Kind::kAnd;            // Of a chain: kAnd or kOr.
  std::vector<Condition> parts;      // Of a chain, those that need the most symbols first.
  int symbols = 0;                   // That a parser which reads it has to hold.
};

// What SQLite holds at most of a condition without parts, of the parentheses around a chain, and of
// what has been read of a chain.
constexpr int kSymbolsOfLeaf = 12;
constexpr int kSymbolsOfChain = 1;
constexpr int kSymbolsBeforePart = 3;

Condition Normalize(const FilterNode& node, bool is_negated);

// SQLite's parser holds at most 100 symbols (YYSTACKDEPTH), fewer than filters may make it hold. So
// there are no parentheses that are not needed, and what needs the most of a chain comes first,
// when nothing of the chain is held yet: with that, only what branches again and again needs many.
Condition NormalizeChain(const FilterNode& node, bool is_negated) {
  Condition chain;
  chain.word = (node.kind == Kind::kAnd) != is_negated ? Kind::kAnd : Kind::kOr;
  for (const FilterNode& child : node.children) {
    Condition part = Normalize(child, is_negated);
    if (part.leaf != nullptr || part.word != chain.word) {
      chain.parts.push_back(std::move(part));
    } else if (chain.parts.empty()) {
      chain.parts = std::move(part.parts);
    } else {
      std::move(part.parts.begin(), part.parts.end(), std::back_inserter(chain.parts));
    }
  }
  const auto most = std::max_element(
      chain.parts.begin(), chain.parts.end(),
      [](const Condition& a, const Condition& b) { return a.symbols < b.symbols; });
  std::rotate(chain.parts.begin(), most, most + 1);
  chain.symbols = kSymbolsOfChain + chain.parts[0].symbols;
  for (size_t i = 1; i < chain.parts.size(); ++i) {
    chain.symbols = std::max(chain.symbols, kSymbolsBeforePart + chain.parts[i].symbols);
  }
  return chain;
}

Condition Normalize(const FilterNode& node, bool is_negated) {
  switch (node.kind) {
    case Kind::kNot:
      return Normalize(node.children[0], !is_negated);
    case Kind::kAnd:
    case Kind::kOr:
      return NormalizeChain(node, is_negated);
    default:
      break;
  }
  Condition leaf;
  leaf.leaf = &node;
  leaf.is_negated = is_negated;
  for (const FilterNode& child : node.children) {
    leaf.parts.push_back(Normalize(child, /*is_negated=*/false));
    leaf.symbols = leaf.parts[0].symbols;
  }
  leaf.symbols += kSymbolsOfLeaf;
  return leaf;
}

class Compiler {
 public:
  Compiler(const std::vector<FilterField>& fields, const std::vector<FilterColumn>& columns)
      : fields_(fields), columns_(columns) {}

  FilterSql Compile(const FilterNode& filter) {
    AppendCondition(Normalize(filter, /*is_negated=*/false));
    return std::move(sql_);
  }

 private:
  // The column a node is about.
  struct Column {
    absl::string_view expression;
    bool is_id = false;
    bool is_nullable = false;
  };

  template <typename... Texts>
  void Append(const Texts&... texts) {
    absl::StrAppend(&sql_.expression, texts...);
  }

  void AppendCondition(const Condition& condition) {
    if (condition.leaf == nullptr) return AppendChain(condition);
    if (condition.is_negated) Append("(NOT ");
    AppendLeaf(condition);
    if (condition.is_negated) Append(")");
  }

  void AppendChain(const Condition& chain) {
    absl::string_view before = "(";
    for (const Condition& part : chain.parts) {
      Append(before);
      AppendCondition(part);
      before = chain.word == Kind::kAnd ? " AND " : " OR ";
    }
    Append(")");
  }

  void AppendLeaf(const Condition& condition) {
    const FilterNode& node = *condition.leaf;
    switch (node.kind) {
      case Kind::kAny:
        return AppendAny(condition);
      case Kind::kConstant:
        return Append(std::get<bool>(node.values[0]) ? kTrue : kFalse);
      case Kind::kCompare:
        return AppendComparison(node);
      case Kind::kIn:
        return AppendIn(node);
      default:
        return AppendFunction(node);
    }
  }

  void AppendAny(const Condition& condition) {
    const FilterColumn& column = columns_[static_cast<size_t>(condition.leaf->field)];
    Append("(EXISTS (SELECT 1 FROM ", column.list_source);
    if (!condition.parts.empty()) {
      element_ = column.expression;
      Append(" AND ");
      AppendCondition(condition.parts[0]);
    }
    Append("))");
  }

  void AppendComparison(const FilterNode& node) {
    const Column column = ColumnOf(node);
    if (std::holds_alternative<std::nullptr_t>(node.values[0])) {
      const bool is_null = node.comparison == Comparison::kEqual;
      if (!column.is_nullable) return Append(is_null ? kFalse : kTrue);
      return Append("(", column.expression, is_null ? " IS NULL)" : " IS NOT NULL)");
    }
    const std::optional<FilterSql::Value> value = ToSql(column, node.values[0]);
    // What is no id is nobody's.
    if (!value.has_value()) return Append(node.comparison == Comparison::kEqual ? kFalse : kTrue);
    const bool may_be_null = column.is_nullable && node.comparison != Comparison::kEqual &&
                             node.comparison != Comparison::kNotEqual;
    AppendTest(may_be_null, column.expression, OperatorOf(node.comparison, column.is_nullable),
               "?");
    sql_.values.push_back(*value);
  }

  void AppendIn(const FilterNode& node) {
    const Column column = ColumnOf(node);
    std::vector<absl::string_view> placeholders;
    for (const FilterNode::Value& value : node.values) {
      std::optional<FilterSql::Value> converted = ToSql(column, value);
      if (!converted.has_value()) continue;
      placeholders.emplace_back("?");
      sql_.values.push_back(*std::move(converted));
    }
    if (placeholders.empty()) return Append(kFalse);
    AppendTest(column.is_nullable, column.expression, " IN (", absl::StrJoin(placeholders, ", "),
               ")");
  }

  void AppendFunction(const FilterNode& node) {
    const Column column = ColumnOf(node);
    AppendTest(column.is_nullable, FunctionOf(node.kind), "(", column.expression, ", ?)");
    sql_.values.emplace_back(std::get<std::string>(node.values[0]));
  }

  // Of NULL, a test does not hold. Said only where it may be, since an index is not used for the
  // result of a function.
  template <typename... Texts>
  void AppendTest(bool may_be_null, const Texts&... texts) {
    Append(may_be_null ? "coalesce(" : "(", texts..., may_be_null ? ", 0)" : ")");
  }

  Column ColumnOf(const FilterNode& node) const {
    if (node.field == FilterNode::kElement) return {element_};
    const auto place = static_cast<size_t>(node.field);
    const FilterField& field = fields_[place];
    return {columns_[place].expression, field.type == FilterField::Type::kId, field.is_nullable};
  }

  // A value other than null as it is in a column; nothing if no column can hold it.
  static std::optional<FilterSql::Value> ToSql(const Column& column,
                                               const FilterNode::Value& value) {
    if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? 1 : 0;
    if (const auto* time = std::get_if<int64_t>(&value)) return *time;
    const auto& text = std::get<std::string>(value);
    if (!column.is_id) return text;
    const std::optional<Uuid> id = Uuid::Parse(text);
    if (!id.has_value()) return std::nullopt;
    return *id;
  }

  const std::vector<FilterField>& fields_;
  const std::vector<FilterColumn>& columns_;
  absl::string_view element_;  // Of the list that the any around a node is about.
  FilterSql sql_;
};

FilterNode Join(FilterNode left, FilterNode right) {
  FilterNode both;
  both.kind = Kind::kAnd;
  both.children.reserve(2);
  both.children.push_back(std::move(left));
  both.children.push_back(std::move(right));
  return both;
}

bool IsBound(const FilterNode& node, int field) {
  return node.kind == Kind::kCompare && node.field == field &&
         node.comparison != Comparison::kNotEqual &&
         !std::holds_alternative<std::nullptr_t>(node.values[0]);
}

void Split(FilterNode filter, int field, SplitFilter& parts) {
  if (filter.kind == Kind::kAnd) {
    for (FilterNode& child : filter.children) Split(std::move(child), field, parts);
    return;
  }
  std::optional<FilterNode>& part = IsBound(filter, field) ? parts.bounds : parts.rest;
  part = part.has_value() ? Join(*std::move(part), std::move(filter)) : std::move(filter);
}

// A value of the thread that a conversation was last delivered to.
std::string OfNewestThread(absl::string_view column) {
  return absl::StrCat("(SELECT live.", column,
                      " FROM threads AS live"
                      " WHERE live.conversation_key = conversations.key AND live.deleted = 0"
                      " ORDER BY live.last_delivered_us DESC, live.id DESC LIMIT 1)");
}

}  // namespace

FilterSql CompileFilter(const FilterNode& filter, const std::vector<FilterField>& fields,
                        const std::vector<FilterColumn>& columns) {
  return Compiler(fields, columns).Compile(filter);
}

void BindFilter(const FilterSql& filter, Query& query) {
  for (const FilterSql::Value& value : filter.values) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
      query.Bind(*number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      query.BindText(*text);
    } else {
      query.BindBlob(std::get<Uuid>(value).bytes());
    }
  }
}

SplitFilter SplitByField(FilterNode filter, int field) {
  SplitFilter parts;
  Split(std::move(filter), field, parts);
  return parts;
}

const std::vector<FilterColumn>& GroupFilterColumns() {
  static const auto* columns = new std::vector<FilterColumn>{
      {"groups.id"},
      {"groups.display_name"},
      {"groups.mail"},
      {"groups.mail_nickname"},
      {"groups.description"},
      {"groups.created_us"},
      {"types.name",
       absl::StrCat("(SELECT '", kUnifiedGroupType, "' AS name) AS types WHERE TRUE")},
      {"1"},
      {"0"},
  };
  return *columns;
}

const std::vector<FilterColumn>& ThreadFilterColumns() {
  static const auto* columns = new std::vector<FilterColumn>{
      {"threads.id"},
      {"threads.topic"},
      {"threads.has_attachments"},
      {"threads.last_delivered_us"},
      {"unique_senders.name", "unique_senders WHERE unique_senders.thread_key = threads.key"},
      {"threads.preview"},
      {"threads.is_locked"},
      {"conversations.id"},
      {"threads.created_us"},
      {"threads.modified_us"},
  };
  return *columns;
}

const std::vector<FilterColumn>& ConversationFilterColumns() {
  static const auto* columns = new std::vector<FilterColumn>{
      {"conversations.id"},
      {"conversations.topic"},
      {"(EXISTS (SELECT 1 FROM threads AS live WHERE live.conversation_key = conversations.key"
       " AND live.deleted = 0 AND live.has_attachments = 1))"},
      {OfNewestThread("last_delivered_us")},
      {"senders.name",
       absl::StrCat("(SELECT unique_senders.name FROM threads AS live"
                    " JOIN unique_senders ON unique_senders.thread_key = live.key"
                    " WHERE live.conversation_key = conversations.key AND live.deleted = 0"
                    " ORDER BY live.id LIMIT ",
                    kMaxSendersReadPerConversation, ") AS senders WHERE TRUE")},
      {OfNewestThread("preview")},
      {"conversations.created_us"},
  };
  return *columns;
}

const std::vector<FilterColumn>& PostFilterColumns() {
  static const auto* columns = new std::vector<FilterColumn>{
      {"posts.id"},
      {"posts.created_us"},
      {"posts.modified_us"},
      {"posts.created_us"},
      {"post_categories.name", "post_categories WHERE post_categories.post_key = posts.key"},
      {"posts.has_attachments"},
      {"posts.content"},
      {"posts.content_type"},
      {"posts.sender_name"},
      {"posts.sender_address"},
      {"posts.in_reply_to"},
  };
  return *columns;
}

}  // namespace threadstore::sqlite
