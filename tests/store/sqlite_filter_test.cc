// Filters as SQL: random ones, each asked of a store's file and of Matches, which have to agree.
// The environment may set THREADSTORE_FILTER_SEED and THREADSTORE_FILTER_STEPS.

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/limits.h"
#include "server/store/sqlite/filter_sql.h"
#include "tests/store/filtered_store.h"
#include "tests/testing/status_matchers.h"

namespace threadstore::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using sqlite::CompileFilter;
using sqlite::FilterSql;
using sqlite::SplitByField;
using sqlite::SplitFilter;

constexpr uint64_t kDefaultSteps = 8'000;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

// Random filters as text, by the grammar.
class Generator {
 public:
  Generator(uint64_t seed, const FilteredStore& store) : random_(seed), ids_(store.ids()) {}

  std::string Filter(const std::vector<FilterField>& fields) {
    fields_ = &fields;
    return OneIn(10) ? Nested(static_cast<int>(Below(kMaxFilterDepth - 4)))
                     : Condition(static_cast<int>(Below(5)));
  }

 private:
  using Type = FilterField::Type;

  std::string Condition(int depth) {
    if (depth == 0) return Leaf();
    switch (Below(5)) {
      case 0:
      case 1:
        return absl::StrCat(Condition(depth - 1), " ", Word("and"), " ", Condition(depth - 1));
      case 2:
        return absl::StrCat(Condition(depth - 1), " ", Word("or"), " ", Condition(depth - 1));
      case 3:
        return absl::StrCat(Word("not"), " ", Condition(depth - 1));
      default:
        return absl::StrCat("(", Condition(depth - 1), ")");
    }
  }

  // Deep on one side.
  std::string Nested(int depth) {
    if (depth == 0) return Condition(static_cast<int>(Below(2)));
    const std::string inner =
        absl::StrCat(OneIn(3) && depth > 1 ? "not (" : "(", Nested(depth > 1 ? depth - 2 : 0), ")");
    const char* word = OneIn(2) ? " and " : " or ";
    return OneIn(2) ? absl::StrCat(inner, word, Leaf()) : absl::StrCat(Leaf(), word, inner);
  }

  std::string Leaf() {
    if (!variable_.empty()) return TextLeaf(variable_);
    if (OneIn(30)) return OneIn(2) ? "true" : "false";
    const FilterField& field = (*fields_)[Below(fields_->size())];
    const std::string name = NameOf(field);
    switch (field.type) {
      case Type::kText:
        return TextLeaf(name);
      case Type::kBoolean:
        return OneIn(3) ? name : Comparison(name, /*has_order=*/false, OneIn(2) ? "true" : "false");
      case Type::kTime:
        return OneIn(5) ? In(name, [this] { return Time(); })
                        : Comparison(name, /*has_order=*/true, Time());
      case Type::kId:
        return OneIn(5) ? In(name, [this] { return Id(); })
                        : Comparison(name, /*has_order=*/false, Id());
      case Type::kTextList:
        return Any(name);
    }
    return "";
  }

  std::string TextLeaf(const std::string& name) {
    switch (Below(6)) {
      case 0:
        return absl::StrCat(Word("contains"), "(", name, ",", Text(), ")");
      case 1:
        return absl::StrCat(Word("startswith"), "(", name, ", ", Text(), ")");
      case 2:
        return absl::StrCat(Word("endswith"), "( ", name, " ,", Text(), ")");
      case 3:
        return In(name, [this] { return Text(); });
      default:
        return Comparison(name, /*has_order=*/true, Text());
    }
  }

  std::string Any(const std::string& name) {
    if (OneIn(5)) return absl::StrCat(name, "/", Word("any"), "()");
    variable_ = OneIn(2) ? "v" : "topic";
    std::string any = absl::StrCat(name, "/", Word("any"), "(", variable_, ":",
                                   Condition(static_cast<int>(Below(3))), ")");
    variable_.clear();
    return any;
  }

  std::string Comparison(const std::string& name, bool has_order, std::string value) {
    constexpr const char* kOperators[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    const uint64_t chosen = Below(has_order ? 6 : 2);
    const std::string word = Word(kOperators[chosen]);
    const bool has_null = chosen < 2 && OneIn(8);
    if (has_null) value = Word("null");
    return OneIn(4) ? absl::StrCat(value, " ", word, " ", name)
                    : absl::StrCat(name, " ", word, " ", value);
  }

  template <typename MakeValue>
  std::string In(const std::string& name, MakeValue make_value) {
    std::string in = absl::StrCat(name, " ", Word("in"), " (", make_value());
    while (!OneIn(3)) absl::StrAppend(&in, ",", make_value());
    return in + ")";
  }

  std::string Text() {
    const std::string& text = Pick(FilteredStore::texts());
    return Quoted(OneIn(4) ? absl::StrCat(text, Pick(FilteredStore::texts())) : text);
  }

  std::string Time() {
    constexpr absl::string_view kFormat = "%E4Y-%m-%dT%H:%M:%E*SZ";
    return absl::FormatTime(kFormat, absl::FromUnixMicros(Pick(FilteredStore::times())),
                            absl::UTCTimeZone());
  }

  std::string Id() {
    const std::string& id = Pick(ids_);
    return OneIn(2) && id.size() == 36 ? id : Quoted(OneIn(3) ? absl::AsciiStrToUpper(id) : id);
  }

  // In either form.
  std::string NameOf(const FilterField& field) {
    if (OneIn(2)) return field.path;
    std::string name;
    for (const char c : field.path) {
      const bool begins_word = !name.empty() && name.back() == '_';
      if (begins_word) name.pop_back();
      name += begins_word ? absl::ascii_toupper(static_cast<unsigned char>(c)) : c == '.' ? '/' : c;
    }
    return name;
  }

  std::string Word(absl::string_view word) {
    return OneIn(10) ? absl::AsciiStrToUpper(word) : std::string(word);
  }

  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[Below(from.size())];
  }

  std::mt19937_64 random_;
  const std::vector<std::string> ids_;
  const std::vector<FilterField>* fields_ = nullptr;
  std::string variable_;  // Within any.
};

class SqliteFilterTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { store_ = new FilteredStore; }
  static void TearDownTestSuite() { delete store_; }

  const FilteredStore::Kind& KindOf(absl::string_view name) {
    const auto& kinds = store_->kinds();
    return *std::find_if(kinds.begin(), kinds.end(),
                         [&](const auto& kind) { return kind.name == name; });
  }

  FilterNode Parse(const FilteredStore::Kind& kind, absl::string_view filter) {
    const auto node = ParseFilter(filter, kind.fields);
    EXPECT_THAT(node, IsOk()) << filter;
    return node.value();
  }

  std::string Sql(absl::string_view kind_name, absl::string_view filter) {
    const auto& kind = KindOf(kind_name);
    const FilterSql sql = CompileFilter(Parse(kind, filter), kind.fields, kind.columns);
    EXPECT_EQ(std::count(sql.expression.begin(), sql.expression.end(), '?'),
              static_cast<std::ptrdiff_t>(sql.values.size()));
    return sql.expression;
  }

  static FilteredStore* store_;
};

FilteredStore* SqliteFilterTest::store_ = nullptr;

// Where a field is in its list.
int PlaceOf(const std::vector<FilterField>& fields, absl::string_view path) {
  return static_cast<int>(
      std::find_if(fields.begin(), fields.end(),
                   [&](const FilterField& field) { return field.path == path; }) -
      fields.begin());
}

TEST_F(SqliteFilterTest, SqlAgreesWithMatches) {
  const uint64_t seed = FromEnvironment("THREADSTORE_FILTER_SEED", std::random_device()());
  const uint64_t steps = FromEnvironment("THREADSTORE_FILTER_STEPS", kDefaultSteps);
  std::cout << "THREADSTORE_FILTER_SEED=" << seed << " THREADSTORE_FILTER_STEPS=" << steps << "\n";
  Generator generator(seed, *store_);
  std::map<std::string, int> outcomes;
  for (uint64_t step = 0; step < steps && !HasFailure(); ++step) {
    const FilteredStore::Kind& kind = store_->kinds()[step % store_->kinds().size()];
    const std::string text = generator.Filter(kind.fields);
    SCOPED_TRACE(absl::StrCat("THREADSTORE_FILTER_SEED=", seed, " at step ", step, ", of ",
                              kind.name, ": ", text));
    const auto filter = ParseFilter(text, kind.fields);
    ASSERT_THAT(filter, IsOk());
    const std::vector<std::string> expected = FilteredStore::AskMatches(kind, *filter);
    EXPECT_THAT(store_->AskSql(kind, *filter), IsOkAndHolds(expected));

    const SplitFilter split = SplitByField(*filter, PlaceOf(kind.fields, "created_date_time"));
    std::vector<std::string> both = FilteredStore::AskMatches(kind, *filter);
    for (const auto& part : {split.bounds, split.rest}) {
      if (!part.has_value()) continue;
      const std::vector<std::string> ids = FilteredStore::AskMatches(kind, *part);
      const std::vector<std::string> before = std::move(both);
      both.clear();
      std::set_intersection(before.begin(), before.end(), ids.begin(), ids.end(),
                            std::back_inserter(both));
    }
    EXPECT_EQ(both, expected) << "split in two";

    const bool is_all = expected.size() == kind.resources.size();
    ++outcomes[absl::StrCat(kind.name, expected.empty() ? ": none" : is_all ? ": all" : ": some")];
  }
  for (const auto& [outcome, times] : outcomes) std::cout << times << " " << outcome << "\n";
  for (const FilteredStore::Kind& kind : store_->kinds()) {
    EXPECT_GT(outcomes[absl::StrCat(kind.name, ": some")], steps / store_->kinds().size() / 7)
        << "too little is tested";
  }
}

TEST_F(SqliteFilterTest, HasNoTextOfTheFilter) {
  EXPECT_EQ(Sql("threads", "topic eq 'x' and isLocked"),
            "((threads.topic = ?) AND (threads.is_locked = ?))");
  EXPECT_EQ(
      Sql("posts", "body/content ge 'x' or not contains(body/content,'y')"),
      "(coalesce(posts.content >= ?, 0) OR (NOT coalesce(text_contains(posts.content, ?), 0)))");
  EXPECT_EQ(Sql("posts", "categories/any(c:c in ('x','y'))"),
            "(EXISTS (SELECT 1 FROM post_categories WHERE post_categories.post_key = posts.key AND "
            "(post_categories.name IN (?, ?))))");
}

TEST_F(SqliteFilterTest, WhatIsNoIdIsNobodys) {
  EXPECT_EQ(Sql("threads", "id eq 'x'"), "(0)");
  EXPECT_EQ(Sql("threads", "id ne 'x'"), "(1)");
  EXPECT_EQ(Sql("threads", "id in ('x','y')"), "(0)");
  EXPECT_EQ(Sql("threads", "id in ('x',00000000-0000-0000-0000-000000000000)"),
            "(threads.id IN (?))");
}

TEST_F(SqliteFilterTest, SplitsWhatMustHoldFromTheRest) {
  const auto& kind = KindOf("threads");
  const int field = PlaceOf(kind.fields, "last_delivered_date_time");
  const auto split = [&](absl::string_view filter) {
    const SplitFilter parts = SplitByField(Parse(kind, filter), field);
    const auto sql = [&](const std::optional<FilterNode>& part) {
      return part.has_value() ? CompileFilter(*part, kind.fields, kind.columns).expression : "";
    };
    return std::vector<std::string>{sql(parts.bounds), sql(parts.rest)};
  };
  constexpr absl::string_view kTime = "1970-01-01T00:00:00Z";
  const std::string from = absl::StrCat("lastDeliveredDateTime ge ", kTime);
  const std::string to = absl::StrCat(kTime, " gt lastDeliveredDateTime");
  const std::string at_least = "(threads.last_delivered_us >= ?)";
  const std::string below = "(threads.last_delivered_us < ?)";
  const std::string locked = "(threads.is_locked = ?)";
  EXPECT_THAT(split(from), ElementsAre(at_least, ""));
  EXPECT_THAT(split("isLocked"), ElementsAre("", locked));
  EXPECT_THAT(split(absl::StrCat(from, " and isLocked and ", to)),
              ElementsAre(absl::StrCat("(", at_least, " AND ", below, ")"), locked));
  EXPECT_THAT(split(absl::StrCat("isLocked and (", to, " and (isLocked and ", from, "))")),
              ElementsAre(absl::StrCat("(", below, " AND ", at_least, ")"),
                          absl::StrCat("(", locked, " AND ", locked, ")")));
  for (const std::string& none :
       {absl::StrCat("not (", from, ")"), absl::StrCat(from, " or isLocked"),
        absl::StrCat("lastDeliveredDateTime ne ", kTime),
        std::string("lastDeliveredDateTime eq null"),
        absl::StrCat("lastDeliveredDateTime in (", kTime, ")")}) {
    EXPECT_THAT(split(none)[0], IsEmpty()) << none;
  }
}

TEST_F(SqliteFilterTest, BoundsAreReadFromTheIndex) {
  const auto& kind = KindOf("threads");
  const FilterNode filter =
      Parse(kind,
            "lastDeliveredDateTime ge 2026-01-01T00:00:00Z and lastDeliveredDateTime lt "
            "2026-02-01T00:00:00Z");
  EXPECT_THAT(
      store_->ExplainPlan("SELECT id FROM threads WHERE threads.group_key = 1 AND ",
                          CompileFilter(filter, kind.fields, kind.columns),
                          " ORDER BY threads.last_delivered_us DESC, threads.id DESC"),
      IsOkAndHolds(AllOf(HasSubstr("threads_by_activity (group_key=? AND last_delivered_us>? AND "
                                   "last_delivered_us<?)"),
                         Not(HasSubstr("TEMP B-TREE")))));
}

TEST_F(SqliteFilterTest, ConversationsAreComputedBySeeks) {
  const auto& kind = KindOf("conversations");
  const auto plan = [&](absl::string_view filter) {
    return store_->ExplainPlan("SELECT id FROM conversations WHERE ",
                               CompileFilter(Parse(kind, filter), kind.fields, kind.columns), "");
  };
  const auto is_sought =
      AllOf(HasSubstr("SEARCH live"), Not(HasSubstr("TEMP B-TREE")), Not(HasSubstr("SCAN live")));
  EXPECT_THAT(plan("hasAttachments"), IsOkAndHolds(is_sought));
  EXPECT_THAT(plan("preview eq 'x'"), IsOkAndHolds(is_sought));
  EXPECT_THAT(plan("lastDeliveredDateTime gt 2026-01-01T00:00:00Z"), IsOkAndHolds(is_sought));
  EXPECT_THAT(plan("uniqueSenders/any(s:s eq 'x')"), IsOkAndHolds(is_sought));
}

// Filters as long, as deep and as branched as can be, which SQLite's parser has to hold.
TEST_F(SqliteFilterTest, LargestFiltersAreTaken) {
  const auto repeat = [](absl::string_view text, int count) {
    std::string repeated;
    for (int i = 0; i < count; ++i) absl::StrAppend(&repeated, text);
    return repeated;
  };
  const auto chain = [&](const std::string& link, absl::string_view word) {
    const int count = std::min(kMaxFilterComparisons - 20,
                               static_cast<int>(kMaxFilterBytes / (link.size() + 6)) - 20);
    return repeat(absl::StrCat(link, " ", word, " "), count) + link;
  };
  // As deep as is taken.
  const auto nest = [&](const FilteredStore::Kind& kind, absl::string_view before,
                        absl::string_view opening, const std::string& inner,
                        absl::string_view after) {
    const auto parentheses = std::count(opening.begin(), opening.end(), '(');
    for (int depth = kMaxFilterDepth; true; --depth) {
      std::string filter = absl::StrCat(before, repeat(opening, depth), inner,
                                        repeat(")", depth * static_cast<int>(parentheses)), after);
      if (ParseFilter(filter, kind.fields).ok()) return filter;
      EXPECT_GT(depth, 3);
    }
  };
  // Each level branches, as often as there are comparisons for it.
  const std::function<std::string(const std::string&, int)> tree = [&](const std::string& leaf,
                                                                       int levels) {
    if (levels == 0) return leaf;
    const std::string branch = tree(leaf, levels - 1);
    const char* word = levels % 2 == 0 ? " and " : " or ";
    return absl::StrCat("(", branch, word, branch, ")");
  };
  // A list and a text of each kind.
  const std::map<std::string, std::pair<std::string, std::string>> names = {
      {"groups", {"groupTypes", "displayName"}},
      {"threads", {"uniqueSenders", "topic"}},
      {"conversations", {"uniqueSenders", "topic"}},
      {"posts", {"categories", "body/content"}},
  };
  for (const FilteredStore::Kind& kind : store_->kinds()) {
    const auto& [list, text] = names.at(kind.name);
    std::vector<std::string> filters;
    for (const std::string& leaf :
         {std::string("id eq null"), absl::StrCat("startswith(", text, ",'a')"),
          absl::StrCat("not endswith(", text, ",'a')"), absl::StrCat(list, "/any(v:v gt '')"),
          absl::StrCat("not ", list, "/any(v:not (v gt 'a' or v lt 'b'))")}) {
      filters.insert(filters.end(),
                     {chain(leaf, "and"), chain(leaf, "or"), nest(kind, "", "not ", leaf, ""),
                      nest(kind, "", "(", leaf, "")});
      for (const int levels : {4, 5, 6, 7}) {
        const std::string branches = tree(leaf, levels);
        if (branches.size() > 3500) continue;
        filters.push_back(nest(kind, "", "true and (false or (", branches, ""));
        filters.push_back(nest(kind, "", "true and not (false and (", branches, ""));
      }
    }
    const std::string any = list + "/any(v:";
    filters.push_back(nest(kind, any, "v eq 'a' and (v gt 'b' or (", "contains(v,'c')", ")"));
    filters.push_back(nest(kind, "", "(true and (false or ", any + "v eq 'a')", ""));
    filters.push_back(any + tree("not startswith(v,'')", 6) + ")");
    filters.push_back("id in ('x'" + repeat(",'x'", kMaxFilterComparisons - 1) + ")");
    for (const std::string& filter : filters) {
      const FilterNode node = Parse(kind, filter);
      EXPECT_THAT(store_->AskSql(kind, node), IsOkAndHolds(FilteredStore::AskMatches(kind, node)))
          << filter;
    }
  }
}

}  // namespace
}  // namespace threadstore::testing
