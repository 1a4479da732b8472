/* tiny.c - see tiny.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/embed/tiny.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "sys/sys.h"

#define FILE_MAX_BYTES ((size_t)4 * 1024 * 1024)

static void must(bool is_ok, const char *what, const char *why)
{
    if (is_ok)
        return;
    fprintf(stderr, "tiny: %s: %s\n", what, why);
    exit(2);
}

/* Even numbers in [-1, 1), or near 1 for the gains of layer norms. */
float tiny_weight(const char *tensor, size_t i)
{
    uint64_t hash = str_hash(str_c(tensor), i + 1);
    float even = (float)(hash >> 40) / (float)(1 << 23) - 1;

    return strstr(tensor, "LayerNorm.weight") ? 1 + even / 4 : even / 2;
}

const struct str *tiny_vocab(struct arena *a, size_t *out_n)
{
    static const char *const words[] = {
        "[PAD]", "[UNK]", "[CLS]", "[SEP]",  "[MASK]", ".",     "-",  "#",
        "hello", "he",    "##llo", "wor",    "##ld",   "world", "中", "文",
        "##é",   "un",    "##aff", "##affa", "##able", "##ble",
    };
    struct str *lines = ARENA_NEW(a, struct str, COUNT(words) + 52);
    size_t n = 0;

    for (size_t i = 0; i < COUNT(words); i++)
        lines[n++] = str_c(words[i]);
    for (char c = 'a'; c <= 'z'; c++) {
        lines[n++] = arena_printf(a, "%c", c);
        lines[n++] = arena_printf(a, "##%c", c);
    }
    *out_n = n;
    return lines;
}

const char *tiny_path(struct arena *a, const char *folder, const char *file)
{
    return arena_printf(a, "%s/%s", folder, file).ptr;
}

void tiny_put(const char *folder, const char *file, struct str bytes)
{
    AUTO_ARENA a = {0};
    FILE *f = fopen(tiny_path(&a, folder, file), "wb");

    must(f && fwrite(bytes.ptr, 1, bytes.len, f) == bytes.len && fclose(f) == 0, file,
         "cannot be written");
}

struct str tiny_get(struct arena *a, const char *folder, const char *file)
{
    struct error err = {0};
    struct str bytes;

    if (!sys_read_file(a, tiny_path(a, folder, file), FILE_MAX_BYTES, &bytes, &err)) {
        must(false, file, err.text);
        return (struct str){0};
    }
    return bytes;
}

void tiny_edit(const char *folder, const char *file, const char *from, const char *to)
{
    AUTO_ARENA a = {0};
    AUTO_BUF b = {0};
    struct str bytes = tiny_get(&a, folder, file);
    size_t at = 0;

    must(str_find(bytes, str_c(from), &at), from, "not there to be replaced");
    buf_add(&b, str_sub(bytes, 0, at));
    buf_add_c(&b, to);
    buf_add(&b, str_sub(bytes, at + strlen(from), bytes.len));
    tiny_put(folder, file, buf_str(&b));
}

static void add_tensor(struct buf *table, struct buf *data, const char *name, size_t rows,
                       size_t cols)
{
    size_t from = data->len, n = rows * MAX(cols, (size_t)1);

    for (size_t i = 0; i < n; i++) {
        float value = tiny_weight(name, i);

        buf_add(data, str_n((const char *)&value, sizeof(value)));
    }
    buf_printf(table, ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", name, rows);
    if (cols)
        buf_printf(table, ",%zu", cols);
    buf_printf(table, "],\"data_offsets\":[%zu,%zu]}", from, data->len);
}

static void add_layer(struct buf *table, struct buf *data, unsigned layer)
{
    static const struct {
        const char *name;
        size_t rows, cols;
    } tensors[] = {
        {"attention.self.query.weight", TINY_HIDDEN, TINY_HIDDEN},
        {"attention.self.query.bias", TINY_HIDDEN, 0},
        {"attention.self.key.weight", TINY_HIDDEN, TINY_HIDDEN},
        {"attention.self.key.bias", TINY_HIDDEN, 0},
        {"attention.self.value.weight", TINY_HIDDEN, TINY_HIDDEN},
        {"attention.self.value.bias", TINY_HIDDEN, 0},
        {"attention.output.dense.weight", TINY_HIDDEN, TINY_HIDDEN},
        {"attention.output.dense.bias", TINY_HIDDEN, 0},
        {"attention.output.LayerNorm.weight", TINY_HIDDEN, 0},
        {"attention.output.LayerNorm.bias", TINY_HIDDEN, 0},
        {"intermediate.dense.weight", TINY_INNER, TINY_HIDDEN},
        {"intermediate.dense.bias", TINY_INNER, 0},
        {"output.dense.weight", TINY_HIDDEN, TINY_INNER},
        {"output.dense.bias", TINY_HIDDEN, 0},
        {"output.LayerNorm.weight", TINY_HIDDEN, 0},
        {"output.LayerNorm.bias", TINY_HIDDEN, 0},
    };
    AUTO_ARENA a = {0};

    for (size_t i = 0; i < COUNT(tensors); i++)
        add_tensor(table, data,
                   arena_printf(&a, "encoder.layer.%u.%s", layer, tensors[i].name).ptr,
                   tensors[i].rows, tensors[i].cols);
}

static void put_weights(const char *folder, size_t n_words)
{
    AUTO_BUF table = {0}, data = {0}, file = {0};
    uint64_t len;

    buf_add_c(&table, "{\"__metadata__\":{\"format\":\"pt\"}");
    add_tensor(&table, &data, "embeddings.word_embeddings.weight", n_words, TINY_HIDDEN);
    add_tensor(&table, &data, "embeddings.position_embeddings.weight", TINY_TOKENS,
               TINY_HIDDEN);
    add_tensor(&table, &data, "embeddings.token_type_embeddings.weight", TINY_TYPES,
               TINY_HIDDEN);
    add_tensor(&table, &data, "embeddings.LayerNorm.weight", TINY_HIDDEN, 0);
    add_tensor(&table, &data, "embeddings.LayerNorm.bias", TINY_HIDDEN, 0);
    for (unsigned layer = 0; layer < TINY_LAYERS; layer++)
        add_layer(&table, &data, layer);
    buf_add_char(&table, '}');
    len = table.len;
    buf_add(&file, str_n((const char *)&len, sizeof(len)));
    buf_add(&file, buf_str(&table));
    buf_add(&file, buf_str(&data));
    tiny_put(folder, "model.safetensors", buf_str(&file));
}

const char *tiny_folder(struct arena *a)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = arena_cstr(a, arena_printf(a, "%s/memoryd-tiny-XXXXXX", tmp ? tmp : "/tmp"));
    AUTO_BUF text = {0}, config = {0};
    const struct str *lines;
    size_t n;

    must(mkdtemp(folder), folder, "cannot be made");
    lines = tiny_vocab(a, &n);
    for (size_t i = 0; i < n; i++) {
        buf_add(&text, lines[i]);
        buf_add_char(&text, '\n');
    }
    tiny_put(folder, "vocab.txt", buf_str(&text));
    buf_printf(&config,
               "{\"model_type\": \"bert\", \"hidden_act\": \"gelu\", \"hidden_size\": %d, "
               "\"intermediate_size\": %d, \"num_hidden_layers\": %d, "
               "\"num_attention_heads\": %d, \"max_position_embeddings\": %d, "
               "\"type_vocab_size\": %d, \"vocab_size\": %zu, \"layer_norm_eps\": 1e-12}",
               TINY_HIDDEN, TINY_INNER, TINY_LAYERS, TINY_HEADS, TINY_TOKENS, TINY_TYPES, n);
    tiny_put(folder, "config.json", buf_str(&config));
    put_weights(folder, n);
    return folder;
}

void tiny_remove(const char *folder)
{
    AUTO_ARENA a = {0};
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        const char *path = tiny_path(&a, folder, entry->d_name);

        if (entry->d_name[0] != '.' && unlink(path) != 0)
            tiny_remove(path); /* a folder */
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

bool tiny_convert(struct arena *a, const char *folder, struct error *err)
{
    const struct embed_convert_options options = {
        .source_dir = folder,
        .target_path = tiny_path(a, folder, "model.mdm"),
        .is_any_allowed = true,
        .model_id = STR(TINY_MODEL),
    };

    return embed_convert(&options, err);
}

struct str tiny_image(struct arena *a)
{
    const char *folder = tiny_folder(a);
    struct error err = {0};
    struct str bytes;
    char *image;

    must(tiny_convert(a, folder, &err), "model.mdm", err.text);
    bytes = tiny_get(a, folder, "model.mdm");
    tiny_remove(folder);
    image = arena_alloc(a, bytes.len + MODEL_ALIGN, 1);
    image += MODEL_ALIGN - (uintptr_t)image % MODEL_ALIGN;
    memcpy(image, bytes.ptr, bytes.len);
    return str_n(image, bytes.len);
}
