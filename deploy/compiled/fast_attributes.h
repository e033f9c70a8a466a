/* Compiled code reads a slot of a struct or a slots class where it lies, as CPython's own LOAD_ATTR_SLOT does.
 *
 * mypyc's C looks each attribute of a class that it did not compile up by name (some 190 instructions), which the
 * interpreter has not done since 3.11: it remembers, at each place of the code, the version of the type and the
 * offset of the slot. So does this: a type that is changed gets another version, and all else takes the usual way.
 * The name is compared as well, since getattr() with a name that varies comes here, too.
 * Included in front of the generated C by setup.py.
 */
#ifndef CONTROLTOWER_FAST_ATTRIBUTES_H
#define CONTROLTOWER_FAST_ATTRIBUTES_H

#include <Python.h>
#include <structmember.h>
#include "CPy.h"

#if defined(__GNUC__) && !defined(Py_GIL_DISABLED)

typedef struct {
    unsigned int version;
    Py_ssize_t offset;
    PyObject *name; /* interned, so the one in the type's dictionary, which keeps it as long as that version lives */
} SlotCache;

/* The usual way; what it found out about the type is kept for the next time. */
static __attribute__((noinline)) PyObject *CPySlot_Find(PyObject *o, PyObject *name, SlotCache *cache) {
    PyTypeObject *type = Py_TYPE(o);
    PyObject *value = PyObject_GetAttr(o, name);
    if (value == NULL || type->tp_getattro != PyObject_GenericGetAttr) {
        return value;
    }
    PyObject *found = _PyType_Lookup(type, name); /* borrowed; gives the type a version */
    if (found != NULL && Py_IS_TYPE(found, &PyMemberDescr_Type)) {
        PyMemberDef *member = ((PyMemberDescrObject *)found)->d_member;
        if (member->type == T_OBJECT_EX && !(member->flags & ~READONLY) && PyUnicode_CHECK_INTERNED(name)) {
            cache->version = type->tp_version_tag;
            cache->offset = member->offset;
            cache->name = name;
        }
    }
    return value;
}

static inline PyObject *CPySlot_Get(PyObject *o, PyObject *name, SlotCache *cache) {
    unsigned int version = Py_TYPE(o)->tp_version_tag;
    if (likely(version == cache->version && name == cache->name && version != 0)) {
        PyObject *value = *(PyObject **)((char *)o + cache->offset);
        if (likely(value != NULL)) {
            return Py_NewRef(value);
        }
    }
    return CPySlot_Find(o, name, cache);
}

#undef CPyObject_GetAttr
#define CPyObject_GetAttr(obj, attr)                 \
    ({                                               \
        static SlotCache slot_cache;                 \
        CPySlot_Get((obj), (attr), &slot_cache);     \
    })

#endif
#endif
