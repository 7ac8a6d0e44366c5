// Builds the manifests of a kustomization and reads them into the API's own types: unknown fields and
// wrong types are errors. Prints the objects as JSON. Run by deploy/checks/kubernetes.ts.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var kinds = map[string]func() any{
	"apps/v1 Deployment":                       func() any { return &appsv1.Deployment{} },
	"v1 ConfigMap":                             func() any { return &corev1.ConfigMap{} },
	"v1 Service":                               func() any { return &corev1.Service{} },
	"v1 ServiceAccount":                        func() any { return &corev1.ServiceAccount{} },
	"rbac.authorization.k8s.io/v1 Role":        func() any { return &rbacv1.Role{} },
	"rbac.authorization.k8s.io/v1 RoleBinding": func() any { return &rbacv1.RoleBinding{} },
	"keda.sh/v1alpha1 ScaledObject":            func() any { return &kedav1alpha1.ScaledObject{} },
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	found, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return err
	}
	var objects []any
	for _, one := range found.Resources() {
		name := one.GetApiVersion() + " " + one.GetKind()
		make, known := kinds[name]
		if !known {
			return fmt.Errorf("%s %s: this kind is not checked", name, one.GetName())
		}
		text, err := one.AsYAML()
		if err != nil {
			return err
		}
		object := make()
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			return fmt.Errorf("%s %s: %w", name, one.GetName(), err)
		}
		objects = append(objects, object)
	}
	return json.NewEncoder(os.Stdout).Encode(objects)
}
