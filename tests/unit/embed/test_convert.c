/* test_convert.c - what the converter takes, what it refuses, and that it leaves no half file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "tests/support/test.h"
#include "tests/unit/embed/tiny.h"
#include "sys/sys.h"

TEST(a_converted_model_says_what_it_is)
{
    AUTO_ARENA a = {0};
    const char *folder = tiny_folder(&a);
    struct error err = {0};
    struct embedder *e;

    REQUIRE(CHECK_OK(tiny_convert(&a, folder, &err), err));
    REQUIRE(
        CHECK_OK(embed_open(tiny_path(&a, folder, "model.mdm"), EMBED_FP32, &e, &err), err));
    CHECK_STR(embed_model_id(e), TINY_MODEL);
    CHECK_INT(embed_dim(e), TINY_HIDDEN);
    CHECK_INT(embed_max_tokens(e), TINY_TOKENS);
    CHECK(embed_path_name(e)[0]);
    embed_close(e);
    tiny_remove(folder);
}

TEST(other_weights_need_leave_and_a_name)
{
    AUTO_ARENA a = {0};
    const char *folder = tiny_folder(&a);
    struct embed_convert_options options = {
        .source_dir = folder,
        .target_path = tiny_path(&a, folder, "model.mdm"),
    };
    struct error err = {0};

    CHECK(!embed_convert(&options, &err));
    CHECK_INT(err.kind, ERROR_INVALID);
    CHECK(str_contains(str_c(err.text), STR("SHA-256 differs")));
    options.is_any_allowed = true;
    CHECK(!embed_convert(&options, &err));
    CHECK(str_contains(str_c(err.text), STR("a model name of their own")));
    options.model_id = STR(EMBED_MODEL_MINILM);
    CHECK(!embed_convert(&options, &err));
    CHECK(!sys_file_exists(options.target_path));
    tiny_remove(folder);
}

TEST(a_wrong_source_is_refused_with_its_reason)
{
    static const struct {
        const char *file, *from, *to, *want;
    } rows[] = {
        {"model.safetensors", "\"F32\"", "\"F16\"", "is of type F16, not F32"},
        {"model.safetensors", "\"dtype\"", "\"dtypo\"", "is of type , not F32"},
        {"model.safetensors", "[40,32]", "[40,31]",
         "position_embeddings.weight has not the shape"},
        {"model.safetensors", "[40,32]", "[32,40]",
         "position_embeddings.weight has not the shape"},
        {"model.safetensors", "[40,32]", "[40*32", "safetensors: "},
        {"model.safetensors", "layer.1.output.dense", "layer.1.output.tense",
         "no tensor encoder.layer.1.output.dense"},
        {"model.safetensors", "\"data_offsets\":[0,", "\"data_offsets\":[8,",
         "has a wrong size"},
        {"model.safetensors", "\"data_offsets\":[0,", "\"data_offsets\":[-,", "safetensors: "},
        {"model.safetensors", "\"data_offsets\":[0,", "\"data_offzets\":[0,",
         "does not lie within the file"},
        {"model.safetensors", "\"data_offsets\":[0,9472]", "\"data_offsets\":[9472,0]",
         "does not lie within the file"},
        {"vocab.txt", "[MASK]\n", "", "vocab.txt: there is no line [MASK]"},
        {"vocab.txt", "hello\n", "world\n", "vocab.txt: line "},
        {"vocab.txt", "hello\n", "hello\nfurther\n", "vocab.txt has 75 lines, the weights 74"},
        {"config.json", "\"bert\"", "\"gpt2\"", "'model_type' is 'gpt2', only 'bert'"},
        {"config.json", "\"gelu\"", "\"relu\"", "'hidden_act' is 'relu', only 'gelu'"},
        {"config.json", "\"hidden_size\"", "\"hidden\"", "'hidden_size' is missing"},
        {"config.json", "\"hidden_size\": 32", "\"hidden_size\": -1", "out of range"},
        {"config.json", "\"hidden_size\": 32", "\"hidden_size\": \"x\"", "hidden_size"},
        {"config.json", "\"hidden_size\": 32", "\"hidden_size\": 40", "multiples of 16"},
        {"config.json", "\"hidden_size\": 32", "\"hidden_size\": 4112", "hidden size is 4112"},
        {"config.json", "_heads\": 2", "_heads\": 0", "heads is 0"},
        {"config.json", "_heads\": 2", "_heads\": 3", "multiples of 16"},
        {"config.json", "_layers\": 2", "_layers\": 3", "no tensor encoder.layer.2."},
        {"config.json", "_layers\": 2", "_layers\": 1000000", "layers is 1000000"},
        {"config.json", "\"intermediate_size\": 48", "\"intermediate_size\": 49",
         "inner size 49"},
        {"config.json", "1e-12", "0", "epsilon is 0"},
        {"config.json", "{", "", "config.json: "},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        const char *folder = tiny_folder(&a);
        struct error err = {0};

        tiny_edit(folder, rows[i].file, rows[i].from, rows[i].to);
        CHECK(!tiny_convert(&a, folder, &err));
        CHECK_INT(err.kind, ERROR_INVALID);
        if (!CHECK(str_contains(str_c(err.text), str_c(rows[i].want))))
            fprintf(stderr, "    row %zu: %s\n", i, err.text);
        CHECK(!sys_file_exists(tiny_path(&a, folder, "model.mdm")));
        tiny_remove(folder);
    }
}

TEST(truncated_weights_are_refused_at_every_length)
{
    AUTO_ARENA a = {0};
    const char *folder = tiny_folder(&a);
    struct str whole = tiny_get(&a, folder, "model.safetensors");

    for (size_t n = 0; n < whole.len; n += n < 64 ? 1 : 1499) {
        struct error err = {0};

        tiny_put(folder, "model.safetensors", str_sub(whole, 0, n));
        CHECK(!tiny_convert(&a, folder, &err));
        CHECK_INT(err.kind, ERROR_INVALID);
    }
    tiny_remove(folder);
}

TEST(a_missing_source_file_is_not_found)
{
    static const char *const files[] = {"model.safetensors", "vocab.txt", "config.json"};

    for (size_t i = 0; i < COUNT(files); i++) {
        AUTO_ARENA a = {0};
        const char *folder = tiny_folder(&a);
        struct error err = {0};

        remove(tiny_path(&a, folder, files[i]));
        CHECK(!tiny_convert(&a, folder, &err));
        CHECK_INT(err.kind, ERROR_NOT_FOUND);
        CHECK(str_contains(str_c(err.text), str_c(files[i])));
        tiny_remove(folder);
    }
}

TEST(a_failed_conversion_leaves_the_old_file)
{
    AUTO_ARENA a = {0};
    const char *folder = tiny_folder(&a);
    struct error err = {0};

    tiny_put(folder, "model.mdm", STR("as before"));
    tiny_edit(folder, "vocab.txt", "hello", "world");
    CHECK(!tiny_convert(&a, folder, &err));
    CHECK_STR(tiny_get(&a, folder, "model.mdm"), "as before");
    tiny_remove(folder);
}

TEST(lines_may_end_in_carriage_returns)
{
    AUTO_ARENA a = {0};
    const char *folder = tiny_folder(&a);
    struct error err = {0};
    struct str before;

    REQUIRE(CHECK_OK(tiny_convert(&a, folder, &err), err));
    before = tiny_get(&a, folder, "model.mdm");
    tiny_edit(folder, "vocab.txt", "hello\n", "hello\r\n");
    REQUIRE(CHECK_OK(tiny_convert(&a, folder, &err), err));
    CHECK(str_eq(tiny_get(&a, folder, "model.mdm"), before));
    tiny_remove(folder);
}

/* The files beside the three: each changes what it is for, and a wrong one is refused. */
TEST(optional_files_are_heeded)
{
    static const struct {
        const char *file, *text;
        const char *want; /* of the error; NULL: converts */
        size_t max_tokens, pooling;
    } rows[] = {
        {"sentence_bert_config.json", "{\"max_seq_length\": 12}", NULL, 12, MODEL_POOL_MEAN},
        {"sentence_bert_config.json", "{\"max_seq_length\": null}", NULL, TINY_TOKENS,
         MODEL_POOL_MEAN},
        {"sentence_bert_config.json", "{\"max_seq_length\": 41}", "max tokens is 41", 0, 0},
        {"1_Pooling/config.json",
         "{\"pooling_mode_cls_token\": true, \"pooling_mode_mean_tokens\": false}", NULL,
         TINY_TOKENS, MODEL_POOL_FIRST},
        {"1_Pooling/config.json", "{\"pooling_mode_max_tokens\": true}",
         "only mean or first-token pooling", 0, 0},
        {"tokenizer_config.json", "{\"do_lower_case\": true}", NULL, TINY_TOKENS,
         MODEL_POOL_MEAN},
        {"tokenizer_config.json", "{\"do_lower_case\": false}", "only lower-case", 0, 0},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA a = {0};
        const char *folder = tiny_folder(&a);
        struct error err = {0};

        mkdir(tiny_path(&a, folder, "1_Pooling"), 0700);
        tiny_put(folder, rows[i].file, str_c(rows[i].text));
        if (rows[i].want) {
            CHECK(!tiny_convert(&a, folder, &err));
            CHECK(str_contains(str_c(err.text), str_c(rows[i].want)));
        } else if (CHECK_OK(tiny_convert(&a, folder, &err), err)) {
            struct model_header h;

            memcpy(&h, tiny_get(&a, folder, "model.mdm").ptr, sizeof(h));
            CHECK_INT(h.dims.max_tokens, rows[i].max_tokens);
            CHECK_INT(h.dims.pooling, rows[i].pooling);
        }
        tiny_remove(folder);
    }
}

TEST_MAIN()
